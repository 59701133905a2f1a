import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

function setup(options: Partial<ConcurrencyLimiterOptions> = {}) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 10, clock, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  const run = (ms: number, ctx = {}): Promise<void> => limiter.execute(() => sleep(ms), ctx);
  return { clock, limiter, sleep, run };
}

describe('the estimated wait', () => {
  it('is 0 while a call would start, and undefined when nothing is known', async () => {
    const { clock, limiter, run } = setup();
    expect(limiter.estimatedWaitMs()).toBe(0);
    void run(1000);
    expect(limiter.estimatedWaitMs(), 'the first call has just begun').toBeUndefined();
    await clock.advance(1);
    expect(limiter.estimatedWaitMs(), 'an age of 1 ms says nothing').toBeUndefined();
    expect(limiter.retryAfterMs()).toBeUndefined();
    await clock.advance(999);
    limiter.setLimit(0);
    expect(limiter.estimatedWaitMs(), 'paused').toBeUndefined();
  });

  it('is missing in a rejection while it is unknown', async () => {
    const { clock, limiter, run } = setup({ maxQueue: 1 });
    limiter.setLimit(0);
    void limiter.acquire().then((permit) => permit.release());
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: undefined });
    limiter.setLimit(1);
    await clock.advance(0);
    void run(100);
    await clock.advance(100);
    limiter.setLimit(0);
    void limiter.acquire();
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: undefined });
  });

  it('is Infinity for a cost that is never admitted, whatever was measured', async () => {
    const { clock, limiter, run } = setup();
    void run(100);
    await clock.advance(100);
    for (const cost of [0, -3, Number.NaN]) {
      expect(limiter.estimatedWaitMs({ cost }), `cost ${cost}`).toBe(Number.POSITIVE_INFINITY);
      expect(limiter.retryAfterMs({ cost })).toBe(limiter.check({ cost })?.retryAfterMs);
    }
  });

  it('is above 0 for a call that must wait, although all measured calls took 0 ms', async () => {
    const { limiter } = setup({ maxQueue: 0 });
    await limiter.execute(() => {});
    await limiter.acquire();
    expect(limiter.retryAfterMs()).toBeGreaterThan(0);
    await expect(limiter.acquire()).rejects.toSatisfy(
      (error: RejectedError) => (error.retryAfterMs ?? 0) > 0,
    );
  });

  it('covers long calls that start right after short ones', async () => {
    const { clock, limiter, run } = setup({ maxQueue: 100 });
    for (let i = 0; i < 20; i++) {
      void run(0.02);
      void run(500);
    }
    await clock.advance(20 * 501);
    expect(limiter.stats().serviceMs).toBeGreaterThan(200);
    expect(limiter.stats().serviceMs).toBeLessThan(300);
  });

  it('takes the age of the oldest call as the service time before any call has ended', async () => {
    const { clock, limiter, run } = setup({ limit: 2 });
    void run(1000);
    await clock.advance(50);
    void run(1000);
    await clock.advance(30);
    expect(limiter.estimatedWaitMs()).toBe(40);
  });

  it('does not reject a call for its deadline if only the loop budget delays it', async () => {
    const { clock, limiter, run } = setup({ limit: 10, loopYielding: 'always' });
    void run(100);
    await clock.advance(100);
    void limiter.execute(() => clock.jumpTo(clock.now() + 10));
    const call = limiter.execute(() => 'starts in the next turn', { deadline: clock.now() + 20 });
    await clock.advance(0);
    await expect(call).resolves.toBe('starts in the next turn');
  });

  it('remembers from the last queue that computing calls share one thread', async () => {
    const { clock, limiter } = setup({ limit: 8, maxQueue: 100, loopYielding: 'always' });
    const compute = (): void => clock.jumpTo(clock.now() + 2);
    const burst = (): Promise<void>[] => Array.from({ length: 43 }, () => limiter.execute(compute));
    const first = burst();
    for (let turn = 0; turn < 43; turn++) await clock.advance(0);
    await Promise.all(first);
    const second = burst();
    expect(limiter.stats().queued).toBeGreaterThan(30);
    expect((limiter.estimatedWaitMs() ?? 0) / limiter.stats().queued).toBeCloseTo(2, 0);
    for (let turn = 0; turn < 43; turn++) await clock.advance(0);
    await Promise.all(second);
  });

  it('counts only the calls that go first: higher priorities wait less', async () => {
    const { clock, limiter, run } = setup();
    void run(100);
    await clock.advance(100);
    void run(100);
    void run(100, { priority: 1 });
    void run(100, { priority: 1, cost: 1 });
    for (let i = 0; i < 4; i++) void run(100);
    const waits = [2, 1, 0].map((priority) => limiter.estimatedWaitMs({ priority }));
    expect(waits).toEqual([100, 300, 700]);
    await clock.advance(1000);
  });

  it('admits a call of high priority whose deadline lower priorities would miss', async () => {
    const { clock, limiter, run } = setup();
    void run(100);
    await clock.advance(100);
    for (let i = 0; i < 6; i++) void run(100);
    const deadline = clock.now() + 250;
    await expect(run(100, { deadline })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retryAfterMs: 600,
    });
    let done = -1;
    void run(100, { deadline, priority: 1 }).then(() => {
      done = clock.now();
    });
    expect(limiter.stats().queued).toBe(6);
    await clock.advance(1000);
    expect(done).toBe(300);
  });

  it('counts costs', async () => {
    const { clock, limiter, run } = setup({ limit: 4 });
    void run(100);
    await clock.advance(100);
    void run(100, { cost: 4 });
    void run(100, { cost: 3 });
    expect([1, 4].map((cost) => limiter.estimatedWaitMs({ cost }))).toEqual([100, 175]);
    await clock.advance(1000);
  });

  it('grows while a call hangs, and recovers afterwards', async () => {
    const { clock, limiter, run } = setup();
    void run(10);
    await clock.advance(10);
    void run(5000);
    expect(limiter.retryAfterMs()).toBe(10);
    await clock.advance(3000);
    expect(limiter.retryAfterMs()).toBe(3000);
    await expect(run(1, { deadline: clock.now() + 500 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await clock.advance(2000);
    for (let i = 0; i < 60; i++) {
      void run(10);
      await clock.advance(10);
    }
    void run(10);
    expect(limiter.retryAfterMs()).toBeLessThan(30);
    await clock.advance(10);
  });

  it('counts the age of permits held for long only for calls that wait for them', async () => {
    const { clock, limiter, run } = setup({ limit: 3 });
    void run(10);
    await clock.advance(10);
    const held = [limiter.tryAcquire(), limiter.tryAcquire()];
    await clock.advance(60_000);
    expect(limiter.estimatedWaitMs(), 'one permit is free').toBe(0);
    expect(limiter.estimatedWaitMs({ cost: 2 }), 'it waits for one of them').toBe(60_000 / 3);
    limiter.setLimit(2);
    expect(limiter.estimatedWaitMs()).toBe(60_000 / 2);
    for (const permit of held) permit?.release();
    expect(limiter.estimatedWaitMs()).toBe(0);
  });

  it('does not overestimate the age of calls whose start was not timed', async () => {
    const { clock, limiter } = setup({ limit: 100 });
    for (let i = 0; i < 50; i++) await limiter.execute(() => {});
    await clock.advance(10_000);
    void limiter.execute(() => {});
    const permits = Array.from({ length: 50 }, () => limiter.tryAcquire());
    limiter.setLimit(50);
    expect(limiter.estimatedWaitMs()).toBeLessThan(1);
    for (const permit of permits) permit?.release();
  });

  it('is right for calls that all end together', async () => {
    const { clock, limiter, run } = setup({ limit: 4, maxQueue: 100 });
    for (let i = 0; i < 60; i++) void run(100);
    await clock.advance(1000);
    const { active, queued } = limiter.stats();
    expect([active, queued]).toEqual([4, 16]);
    expect(limiter.estimatedWaitMs()).toBe(425);
    await clock.advance(1000);
  });

  it('is right for calls of equal length that end at uneven times', async () => {
    const { clock, limiter, run } = setup({ limit: 3, maxQueue: 100 });
    for (const gap of [0, 60, 20]) {
      await clock.advance(gap);
      void run(90);
    }
    for (let i = 0; i < 10; i++) void run(90);
    await clock.advance(10);
    await clock.advance(60);
    expect(limiter.stats().queued).toBe(8);
    expect(limiter.estimatedWaitMs()).toBe(270);
    await clock.advance(1000);
  });

  it('notices that computing calls share one thread', async () => {
    const { clock, limiter } = setup({ limit: 10, maxQueue: 100, loopYielding: 'always' });
    const started: number[] = [];
    const computing = (): void => {
      started.push(clock.now());
      clock.jumpTo(clock.now() + 2);
    };
    let estimated: number | undefined;
    let from = 0;
    const tick = (): void => {
      if (limiter.stats().queued > 40) {
        clock.nextTurn(tick);
        return;
      }
      estimated = limiter.estimatedWaitMs();
      from = clock.now();
      void limiter.execute(computing);
    };
    for (let i = 0; i < 60; i++) void limiter.execute(computing);
    clock.nextTurn(tick);
    await clock.advance(0);
    const waited = (started.at(-1) ?? 0) - from;
    expect(waited).toBeGreaterThan(60);
    expect(estimated).toBeGreaterThan(0.8 * waited);
    expect(estimated).toBeLessThan(1.2 * waited);
  });

  it('is right within one service time, if all calls take equally long', async () => {
    const work = fc.record({
      limit: fc.integer({ min: 1, max: 5 }),
      ms: fc.integer({ min: 1, max: 100 }),
      gaps: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 5, maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(work, async ({ limit, ms, gaps }) => {
        const { clock, limiter, sleep, run } = setup({ limit, maxQueue: 100 });
        void run(ms);
        await clock.advance(ms);
        for (const gap of gaps) {
          const estimated = limiter.estimatedWaitMs() ?? Number.NaN;
          const from = clock.now();
          void limiter.execute(() => {
            const waited = clock.now() - from;
            expect(Math.abs(waited - estimated), `${waited} ms, estimated ${estimated}`).toBeLessThanOrEqual(
              ms,
            );
            return sleep(ms);
          });
          await clock.advance(gap);
        }
        await clock.advance(gaps.length * ms);
        expect(limiter.stats()).toMatchObject({ active: 0, queued: 0, rejected: 0 });
      }),
      { numRuns: 200 },
    );
  });
});

describe('the means in stats()', () => {
  it('say how long calls run and how long queued calls wait', async () => {
    const { clock, limiter, run } = setup();
    expect(limiter.stats()).toMatchObject({ serviceMs: undefined, waitMs: undefined });
    void run(100);
    void run(100);
    await clock.advance(200);
    expect(limiter.stats()).toMatchObject({ serviceMs: 100, waitMs: 100 });
  });
});
