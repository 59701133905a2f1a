import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeakyBucketShaper, TokenBucket } from '../src/index.ts';
import { WindowBound } from './window-bound.ts';

const call = fc.record({
  at: fc.nat(2000),
  cost: fc.integer({ min: 1, max: 5 }),
  deadlineMs: fc.option(fc.nat(800)),
  cancelMs: fc.option(fc.nat(800)),
});

type Outcome = 'waits' | 'admitted' | 'CANCELLED' | 'DEADLINE_EXCEEDED' | 'RATE_LIMITED' | 'QUEUE_FULL';

interface Call {
  readonly at: number;
  readonly cost: number;
  readonly deadlineMs: number | null;
  readonly cancelMs: number | null;
}

/** Makes `calls` of `acquire` at their times and returns how and when each ended; every one ends exactly once. */
async function play(limiter: TokenBucket | LeakyBucketShaper, clock: VirtualClock, calls: readonly Call[]) {
  const ended: { index: number; outcome: Outcome; at: number }[] = [];
  calls.forEach(({ at, cost, deadlineMs, cancelMs }, index) => {
    clock.setTimer(() => {
      const controller = new AbortController();
      const deadline = deadlineMs === null ? undefined : at + deadlineMs;
      if (cancelMs !== null) clock.setTimer(() => controller.abort(), cancelMs);
      const end = (outcome: Outcome) => void ended.push({ index, outcome, at: clock.now() });
      limiter.acquire({ cost, deadline, signal: controller.signal }).then(
        () => end('admitted'),
        (error) => end(isRejected(error) ? (error.code as Outcome) : expect.fail(`${error}`)),
      );
    }, at);
  });
  await clock.advance(100_000);
  expect(ended).toHaveLength(calls.length);
  expect(clock.pendingTimers).toBe(0);
  return ended;
}

describe('acquire', { timeout: 30_000 }, () => {
  it('keeps the rate, the order and every deadline, through any calls and cancellations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40, size: 'max' }), async (calls) => {
        const clock = new VirtualClock();
        const bucket = new TokenBucket({ rate: 10, burst: 5, maxQueue: 10, clock });
        const ended = await play(bucket, clock, calls);
        const bound = new WindowBound(10 / 1000);
        const arrivals: number[] = [];
        for (const { index, outcome, at } of ended) {
          const { at: came, cost, deadlineMs, cancelMs } = calls[index] as Call;
          if (outcome === 'admitted') {
            bound.admitted(cost, at);
            arrivals.push(came);
            if (deadlineMs !== null) expect(at, `${index}`).toBeLessThan(came + deadlineMs);
            if (cancelMs !== null) expect(at, `${index}`).toBeLessThanOrEqual(came + cancelMs);
          }
          if (outcome === 'DEADLINE_EXCEEDED') expect(at, 'rejected at once').toBe(came);
          if (outcome === 'CANCELLED') expect(at).toBe(came + (cancelMs ?? Number.NaN));
        }
        expect(bound.worst).toBeLessThanOrEqual(5 + 1e-9);
        expect(arrivals, 'first come, first served').toEqual([...arrivals].sort((a, b) => a - b));
        expect(bucket.stats().queued).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('of a shaper spaces releases by the cost of the release before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40, size: 'max' }), async (calls) => {
        const clock = new VirtualClock();
        const shaper = new LeakyBucketShaper({ rate: 20, capacity: 15, clock });
        const ended = await play(shaper, clock, calls);
        let free = 0;
        for (const { index, outcome, at } of ended) {
          if (outcome !== 'admitted') continue;
          const { at: came, cost } = calls[index] as Call;
          expect(at, `${index} leaves no earlier`).toBeGreaterThanOrEqual(Math.max(free, came) - 1e-6);
          free = at + cost * 50;
        }
        expect(shaper.stats()).toMatchObject({ queued: 0, queuedCost: 0 });
      }),
      { numRuns: 150 },
    );
  });
});
