import { MAX_ESTIMATE_MS } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

function setup(options: Partial<ConcurrencyLimiterOptions> = {}) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 10, maxQueue: 100, clock, ...options });
  const work = (ms: number) => (): Promise<void> =>
    new Promise((resolve) => void clock.setTimer(resolve, ms));
  /** Starts calls that take `ms`, and returns how each of them ends. */
  const burst = (count: number, ms: number, ctx = {}): Promise<string>[] =>
    Array.from({ length: count }, () =>
      limiter.execute(work(ms), ctx).then(
        () => 'ran',
        ({ code }: { code: string }) => code,
      ),
    );
  const oneAfterAnother = async (count: number, ms: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      void limiter.execute(work(ms)).catch(() => {});
      await clock.advance(ms);
    }
  };
  return { clock, limiter, work, burst, oneAfterAnother };
}

const HOUR_MS = 3_600_000;

describe('after an incident', () => {
  it('60 calls of 10 ms with 500 ms left all run, an hour after 60 calls of 10 s and 5000 of 10 ms', async () => {
    const { clock, limiter, burst, oneAfterAnother } = setup();
    void burst(60, 10_000);
    await clock.advance(60_000);
    await oneAfterAnother(5000, 10);
    await clock.advance(HOUR_MS);
    const calls = burst(60, 10, { deadline: clock.now() + 500 });
    expect(limiter.estimatedWaitMs(), 'about 51 permits of 1 ms').toBeLessThan(100);
    await clock.advance(1000);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 60 }, () => 'ran'));
  });

  it('so do calls that may wait 400 ms', async () => {
    const { clock, burst, oneAfterAnother } = setup({ maxWaitMs: 400 });
    void burst(11, 10_000);
    await clock.advance(60_000);
    await oneAfterAnother(5000, 10);
    await clock.advance(HOUR_MS);
    const calls = burst(60, 10);
    await clock.advance(1000);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 60 }, () => 'ran'));
  });

  it('they run even if nothing ran since the incident', async () => {
    const { clock, burst } = setup();
    void burst(60, 10_000);
    await clock.advance(60_000);
    await clock.advance(HOUR_MS);
    const calls = burst(60, 10, { deadline: clock.now() + 500 });
    await clock.advance(1000);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 60 }, () => 'ran'));
  });

  it('one call of 15 minutes does not lengthen the estimate, from the third call on', async () => {
    const { clock, limiter, work, burst, oneAfterAnother } = setup();
    void limiter.execute(work(900_000));
    await oneAfterAnother(90, 10_000);
    expect(clock.now()).toBe(900_000);
    for (let calls = 3; calls < 40; calls++) {
      await oneAfterAnother(calls === 3 ? 3 : 1, 10);
      const running = burst(40, 10);
      expect(limiter.estimatedWaitMs(), `after ${calls} calls`).toBeLessThan(calls < 10 ? 100_000 : 1000);
      await clock.advance(100);
      await Promise.all(running);
    }
    await clock.advance(2000);
    void burst(40, 10);
    expect(limiter.estimatedWaitMs()).toBeCloseTo(31, 0);
    await clock.advance(100);
  });

  it('one call of 15 minutes between calls of 10 ms is an outlier at once', async () => {
    const { clock, limiter, work, burst, oneAfterAnother } = setup();
    void limiter.execute(work(900_000));
    await clock.advance(899_000);
    await oneAfterAnother(100, 10);
    expect(clock.now()).toBe(900_000);
    void burst(40, 10);
    expect(limiter.estimatedWaitMs()).toBeLessThan(31 * 2);
    await clock.advance(100);
  });
});

describe('while calls hang', () => {
  it.each([2, 3, 7, 10])('the estimate grows, also if calls of cost %d leave permits free', async (cost) => {
    const { clock, limiter, work, oneAfterAnother } = setup();
    await oneAfterAnother(100, 80);
    for (let i = 0; i < Math.floor(10 / cost); i++) void limiter.execute(work(1e9), { cost });
    const seen: (number | undefined)[] = [];
    for (let minute = 0; minute < 4; minute++) {
      seen.push(limiter.estimatedWaitMs({ cost }));
      await clock.advance(60_000);
    }
    for (let minute = 1; minute < 4; minute++) {
      expect(seen[minute], `after ${minute} min`).toBeGreaterThan(5000 * minute);
      expect(seen[minute]).toBeLessThanOrEqual(60_000 * minute);
    }
    await clock.advance(1e9);
    expect(limiter.estimatedWaitMs({ cost })).toBe(0);
  });

  it('the estimate is at most five minutes', async () => {
    const { clock, limiter, burst } = setup();
    void burst(110, 1e9);
    await clock.advance(1e8);
    expect(limiter.estimatedWaitMs()).toBe(MAX_ESTIMATE_MS);
    await expect(limiter.acquire()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      retryAfterMs: MAX_ESTIMATE_MS,
    });
  });
});

describe('a bound of the wait', () => {
  it('below the time of a call does not disable the queue', async () => {
    const { clock, limiter, burst, oneAfterAnother } = setup({ limit: 1, maxQueue: 8, maxWaitMs: 100 });
    await oneAfterAnother(3, 200);
    const first = burst(1, 200);
    await clock.advance(150);
    const waits = burst(2, 200);
    expect(limiter.stats().queued, 'one, whatever the estimate says').toBe(1);
    await clock.advance(1000);
    expect(await Promise.all([...first, ...waits])).toEqual(['ran', 'ran', 'CONCURRENCY_LIMIT']);
  });

  it('admits calls to the queue while nothing is known', async () => {
    const { clock, limiter, burst } = setup({ limit: 1, maxQueue: 8, maxWaitMs: 100 });
    const calls = burst(5, 10);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 4, rejected: 0 });
    await clock.advance(1000);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 5 }, () => 'ran'));
  });
});

const phase = fc.oneof(
  fc.record({
    do: fc.constant('calls' as const),
    count: fc.integer({ min: 1, max: 30 }),
    ms: fc.oneof(fc.constantFrom(0, 1, 10_000, 900_000), fc.integer({ min: 0, max: 2000 })),
    cost: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({
    do: fc.constant('advance' as const),
    ms: fc.oneof(fc.constantFrom(1, HOUR_MS), fc.integer({ min: 0, max: 5000 })),
  }),
  fc.record({ do: fc.constant('limit' as const), limit: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ do: fc.constant('compute' as const), ms: fc.integer({ min: 1, max: 50 }) }),
);

const plan = fc.record({
  history: fc.array(phase, { maxLength: 25 }),
  always: fc.boolean(),
  limit: fc.integer({ min: 1, max: 10 }),
  ms: fc.oneof(fc.constantFrom(1, 10, 100, 1000, 10_000), fc.integer({ min: 1, max: 5000 })),
  sequential: fc.boolean(),
});

describe('the estimate after any history', () => {
  it('is finite, bounded, and right within 2 s or three new service times', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ history, always, limit, ms, sequential }) => {
        const { clock, limiter, work, oneAfterAnother } = setup({
          maxQueue: 1000,
          loopYielding: always ? 'always' : 'queued',
        });
        const check = (): void => {
          for (const cost of [1, 3]) {
            const waitMs = limiter.estimatedWaitMs({ cost });
            if (waitMs === undefined || waitMs === Number.POSITIVE_INFINITY) continue;
            expect(waitMs).toBeGreaterThanOrEqual(0);
            expect(waitMs).toBeLessThanOrEqual(MAX_ESTIMATE_MS);
          }
        };
        for (const step of history) {
          if (step.do === 'limit') limiter.setLimit(step.limit);
          if (step.do === 'advance') await clock.advance(step.ms);
          if (step.do === 'compute')
            void limiter.execute(() => clock.jumpTo(clock.now() + step.ms)).catch(() => {});
          if (step.do === 'calls') {
            for (let i = 0; i < step.count; i++) {
              void limiter.execute(work(step.ms), { cost: step.cost }).catch(() => {});
            }
          }
          check();
        }
        limiter.setLimit(12);
        const drained = limiter.drain();
        await clock.advance(40 * 900_000);
        await drained;
        limiter.setLimit(limit);

        const periodMs = Math.max(2000, 3 * ms) + 1;
        const end = clock.now() + periodMs;
        if (sequential) {
          while (clock.now() < end) await oneAfterAnother(1, ms);
        } else {
          // The limit and a short queue are always full.
          const next = (): void => {
            if (clock.now() < end) void limiter.execute(work(ms)).then(next);
          };
          for (let i = 0; i < 2 * limit; i++) next();
          await clock.advance(periodMs);
          await Promise.all([limiter.drain(), clock.advance(4 * ms)]);
        }
        for (let i = 0; i < limit + 9; i++) void limiter.execute(work(ms));
        const estimated = limiter.estimatedWaitMs() ?? Number.NaN;
        const expected = (10 * ms) / limit;
        expect(estimated, `${estimated} ms, should be ${expected}`).toBeGreaterThan(0.5 * expected);
        expect(estimated, `${estimated} ms, should be ${expected}`).toBeLessThan(2 * expected);
        await clock.advance(20 * ms);
      }),
      { numRuns: 200 },
    );
  });

  it.each([0.1, 10])('follows service times that change by the factor %d', async (factor) => {
    const change = fc.record({
      limit: fc.integer({ min: 1, max: 10 }),
      ms: fc.constantFrom(10, 50, 100, 500, 1000),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ limit, ms }) => {
        const { clock, limiter, oneAfterAnother } = setup({ limit });
        await oneAfterAnother(100, ms);
        const newMs = factor * ms;
        const end = clock.now() + Math.max(2000, 3 * newMs);
        while (clock.now() < end) await oneAfterAnother(1, newMs);
        expect(limiter.stats().serviceMs).toBeCloseTo(newMs, 6);
      }),
      { numRuns: 50 },
    );
  });
});
