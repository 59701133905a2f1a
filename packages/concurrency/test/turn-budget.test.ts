import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

const BUDGET_MS = 5;
const JOB_MS = 10;

/** Limiters that share one event loop, and the longest turn of that loop while they compute. */
function setup(count: number, options: Partial<ConcurrencyLimiterOptions>) {
  const clock = new VirtualClock();
  const limiters = Array.from(
    { length: count },
    () => new ConcurrencyLimiter({ limit: 1, maxQueue: 200, clock, ...options }),
  );
  const state = { longestTurnMs: 0, done: 0, total: 0 };
  let turnStart = clock.now();
  const tick = (): void => {
    state.longestTurnMs = Math.max(state.longestTurnMs, clock.now() - turnStart);
    turnStart = clock.now();
    if (state.done < state.total) clock.nextTurn(tick);
  };
  const compute = (ms: number) => (): void => {
    clock.jumpTo(clock.now() + ms);
    state.done++;
  };
  const run = async (start: () => unknown): Promise<void> => {
    clock.nextTurn(tick);
    start();
    await clock.advance(0);
    tick();
  };
  return { clock, limiters, state, compute, run };
}

describe('a turn of the event loop', () => {
  it.each(['queued', 'always'] as const)(
    'lasts the budget and one call, though 20 limiters (%s) share it',
    async (loopYielding) => {
      const { limiters, state, compute, run } = setup(20, { loopYielding, limit: 4 });
      state.total = 20 * 80;
      await run(() => {
        for (const limiter of limiters) limiter.setLimit(0);
        for (const limiter of limiters) {
          for (let i = 0; i < 80; i++) void limiter.execute(compute(JOB_MS));
        }
        for (const limiter of limiters) limiter.setLimit(4);
      });
      expect(state.done).toBe(state.total);
      expect(state.longestTurnMs).toBeGreaterThanOrEqual(JOB_MS);
      expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
    },
  );

  it('also when many permits are released at the same moment', async () => {
    const { limiters, state, compute, run } = setup(20, {});
    state.total = 20 * 5;
    const held = limiters.map((limiter) => limiter.tryAcquire());
    await run(() => {
      for (const limiter of limiters) {
        for (let i = 0; i < 5; i++) void limiter.execute(compute(JOB_MS));
      }
      for (const permit of held) permit?.release();
    });
    expect(state.done).toBe(state.total);
    expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
  });

  it('notices long calls that follow short ones', async () => {
    for (const loopYielding of ['queued', 'always'] as const) {
      const { limiters, state, compute, run } = setup(1, { loopYielding });
      const [limiter] = limiters as [ConcurrencyLimiter];
      state.total = 80 + 20;
      const held = limiter.tryAcquire();
      await run(() => {
        for (let i = 0; i < 80; i++) void limiter.execute(compute(0.001));
        for (let i = 0; i < 20; i++) void limiter.execute(compute(20));
        held?.release();
      });
      expect(state.done).toBe(state.total);
      expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + 20);
    }
  });

  it('starts no call whose deadline passed while it waited for the loop budget', async () => {
    const { clock, limiters, state, compute, run } = setup(2, { limit: 2 });
    const [one, other] = limiters as [ConcurrencyLimiter, ConcurrencyLimiter];
    state.total = 1;
    const held = [one.tryAcquire({ cost: 2 }), other.tryAcquire({ cost: 2 })];
    void one.execute(compute(100));
    let ran = false;
    const late = other
      .execute(
        () => {
          ran = true;
        },
        { deadline: clock.now() + 50 },
      )
      .catch((error: unknown) => error);
    await run(() => {
      for (const permit of held) permit?.release();
    });
    expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(ran).toBe(false);
    expect(other.stats()).toMatchObject({ active: 0, queued: 0, rejected: 1 });
  });

  it.each([
    [20, 1],
    [1, 20],
    [5, 4],
  ])('is not exceeded by callers of acquire() either: %d limiters of %d', async (count, limit) => {
    const { limiters, state, compute, run } = setup(count, { limit });
    state.total = count * 50;
    const held = limiters.flatMap((limiter) => Array.from({ length: limit }, () => limiter.tryAcquire()));
    await run(() => {
      for (const limiter of limiters) {
        for (let i = 0; i < 50; i++) {
          void limiter.acquire().then((permit) => {
            compute(JOB_MS)();
            permit.release();
          });
        }
      }
      for (const permit of held) permit?.release();
    });
    expect(state.done).toBe(state.total);
    expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
  });
});
