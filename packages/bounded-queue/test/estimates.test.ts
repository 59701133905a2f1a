import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

const MAX_ESTIMATE_MS = 300_000;

function setup(
  capacity = 10,
  Kind: typeof BoundedQueue | typeof PriorityQueue | typeof FairQueue = BoundedQueue,
) {
  const clock = new VirtualClock();
  const queue = new Kind<number>({ capacity, clock });
  const fill = (): void => {
    while (queue.tryPush(0));
  };
  /** Takes one item after `ms` and fills the queue again. */
  const serve = (ms: number): void => {
    clock.advanceSync(ms);
    queue.tryTake();
    fill();
  };
  const retryAfterMs = (): number | undefined => {
    const rejection = queue.check();
    expect(rejection?.code).toBe('QUEUE_FULL');
    return rejection?.retryAfterMs;
  };
  fill();
  return { clock, queue, fill, serve, retryAfterMs };
}

describe('retryAfterMs of QUEUE_FULL', () => {
  it('is unknown, not 0, until an item was taken from the full queue', () => {
    const { clock, retryAfterMs, serve } = setup();
    expect(retryAfterMs()).toBeUndefined();
    clock.advanceSync(60_000);
    expect(retryAfterMs()).toBeUndefined();
    serve(0);
    clock.advanceSync(100);
    expect(retryAfterMs()).toBeGreaterThanOrEqual(100);
  });

  it('grows with time after one early take', () => {
    const { clock, serve, retryAfterMs } = setup(1);
    serve(1);
    expect(retryAfterMs()).toBe(1);
    clock.advanceSync(500);
    expect(retryAfterMs()).toBeGreaterThanOrEqual(250);
    expect(retryAfterMs()).toBeLessThanOrEqual(1000);
  });

  it('grows with time while the consumer hangs, up to five minutes', () => {
    const { clock, serve, retryAfterMs } = setup(1);
    for (let i = 0; i < 10; i++) serve(993);
    expect(retryAfterMs()).toBe(993);
    clock.advanceSync(60_000);
    expect(retryAfterMs()).toBeGreaterThanOrEqual(60_000);
    expect(retryAfterMs()).toBeLessThanOrEqual(120_000);
    clock.advanceSync(540_000);
    expect(retryAfterMs()).toBe(MAX_ESTIMATE_MS);
  });

  it('forgets a hang when the consumer is back', () => {
    const { serve, retryAfterMs } = setup(10);
    for (let i = 0; i < 10; i++) serve(10);
    serve(15 * 60_000);
    for (let ms = 0; ms < 2000; ms += 10) serve(10);
    expect(retryAfterMs()).toBe(100);
  });

  it.each([0.1, 10, 1000])('follows service that becomes 10 times faster or slower than %d ms', (ms) => {
    for (const factor of [0.1, 10]) {
      const { serve, retryAfterMs } = setup(10);
      for (let i = 0; i < 100; i++) serve(ms);
      expect(retryAfterMs()).toBeCloseTo(10 * ms, 3);
      const newMs = ms * factor;
      const followed = Math.max(2000, 3 * newMs);
      for (let passed = 0; passed < followed; passed += newMs) serve(newMs);
      expect(retryAfterMs()).toBeCloseTo(10 * newMs, 3);
    }
  });

  it('is at least the time of one take where the newest item is taken first', () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<number>({
      capacity: 20,
      clock,
      sojourn: { newestFirst: true, targetMs: 60 },
    });
    const rejected: (number | undefined)[] = [];
    queue.onRejected(({ retryAfterMs }) => void rejected.push(retryAfterMs));
    for (let ms = 0; ms < 3000; ms += 10) {
      clock.advanceSync(10);
      queue.tryTake();
      while (queue.tryPush(ms));
    }
    expect(queue.weightAhead()).toBe(0);
    expect(Math.min(...rejected.slice(-100).map((waitMs) => waitMs ?? 0))).toBeGreaterThanOrEqual(10);
  });

  it('is infinite for an item that the queue could never hold', () => {
    const queue = new PriorityQueue<number>({ capacity: 10, maxWeight: 5 });
    expect(queue.check({ cost: 6 })).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: Infinity });
    expect(queue.check({ cost: 5 })).toBeUndefined();
    const rejected: unknown[] = [];
    queue.onRejected(({ retryAfterMs }) => void rejected.push(retryAfterMs));
    expect(queue.tryPush(1, { cost: 6 })).toBe(false);
    expect(rejected).toEqual([Infinity]);
  });

  const interval = fc.constantFrom(0, 0.01, 1, 7, 50, 400, 3000, 20_000, 1_000_000);
  const history = fc.array(
    fc.record({
      do: fc.constantFrom('serve', 'serve', 'take', 'fill', 'clear', 'cancel'),
      ms: interval,
      times: fc.constantFrom(1, 3, 20),
    }),
    { maxLength: 25 },
  );

  it('is finite, bounded, and right again within 2 s or three new times between takes, after any history', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(BoundedQueue, PriorityQueue, FairQueue),
        fc.constantFrom(1, 2, 10, 33),
        history,
        fc.constantFrom(0.5, 5, 40, 300, 700, 1000, 12_000),
        (Kind, capacity, steps, newMs) => {
          const { clock, queue, fill, serve, retryAfterMs } = setup(capacity, Kind);
          const checkBounds = (): void => {
            const waitMs = queue.check()?.retryAfterMs;
            if (waitMs === undefined) return;
            expect(waitMs).toBeGreaterThan(0);
            expect(waitMs).toBeLessThanOrEqual(MAX_ESTIMATE_MS);
          };
          for (const { do: what, ms, times } of steps) {
            for (let i = 0; i < times; i++) {
              if (what === 'serve') serve(ms);
              if (what === 'take') queue.tryTake();
              if (what === 'fill') fill();
              if (what === 'clear') queue.clear();
              if (what === 'cancel') {
                const controller = new AbortController();
                queue.tryPush(1, { signal: controller.signal, cost: 0.5 });
                controller.abort();
              }
              checkBounds();
            }
            clock.advanceSync(ms);
            checkBounds();
          }
          fill();
          const start = clock.now();
          const followed = Math.max(2000, 3 * newMs);
          for (let passed = newMs; passed <= followed; passed += newMs) serve(newMs);
          clock.advanceSync(Math.max(0, start + followed - clock.now()));
          const expected = Math.min(MAX_ESTIMATE_MS, capacity * newMs);
          expect(retryAfterMs()).toBeGreaterThan(expected / 2);
          expect(retryAfterMs()).toBeLessThan(Math.min(2 * expected, MAX_ESTIMATE_MS) + 1);
        },
      ),
      { numRuns: 300 },
    );
  });
});
