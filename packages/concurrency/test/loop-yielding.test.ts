import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

/** Work that computes: time passes while it runs, and nothing else can. */
const computing = (clock: VirtualClock, ms: number, started: number[]) => (): void => {
  started.push(clock.now());
  clock.jumpTo(clock.now() + ms);
};

describe('the event loop', () => {
  it('gets its turn when queued calls have spent the loop budget', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 10, clock });
    const started: number[] = [];
    const turns: number[] = [];
    const tick = (): void => {
      turns.push(started.length);
      if (turns.length < 10) clock.nextTurn(tick);
    };
    const first = await limiter.acquire();
    const calls = Array.from({ length: 9 }, () => limiter.execute(computing(clock, 2, started)));
    clock.nextTurn(tick);
    first.release();
    await clock.advance(0);
    await Promise.all(calls);
    // 2 ms each, 5 ms a turn: three a turn, and other work gets its turn in between.
    expect(turns.slice(0, 4)).toEqual([3, 6, 9, 9]);
  });

  it('gets its turn between calls that need not wait, with loopYielding always', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 10, maxQueue: 20, loopYielding: 'always', clock });
    const started: number[] = [];
    const calls = Array.from({ length: 10 }, () => limiter.execute(computing(clock, 2, started)));
    expect(started).toHaveLength(3);
    expect(limiter.stats().queued).toBe(7);
    await clock.advance(0);
    await Promise.all(calls);
    expect(started).toHaveLength(10);
  });

  it('starts calls beyond the loop budget without a queue, instead of rejecting them while permits are free', () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 10, loopYielding: 'always', clock });
    const started: number[] = [];
    for (let i = 0; i < 5; i++) void limiter.execute(computing(clock, 10, started));
    expect(started).toHaveLength(5);
  });
});
