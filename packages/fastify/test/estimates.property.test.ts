import { MAX_ESTIMATE_MS } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InFlightLimit } from '../src/gates/load/in-flight-limit.ts';
import { TurnQueue } from '../src/gates/load/turn-queue.ts';

const interval = fc.record({
  elapsedMs: fc.double({ min: 100, max: 20_000, noNaN: true }),
  late: fc.boolean(),
  rejected: fc.boolean(),
  active: fc.integer({ min: 0, max: 100_000 }),
  completed: fc.integer({ min: 0, max: 10_000 }),
});
/** Anything that may have happened, with idle times in between. */
const history = fc.array(
  fc.oneof(
    interval.map((one) => [one]),
    fc.integer({ min: 1, max: 2000 }).map((count) =>
      Array.from({ length: count }, () => ({
        elapsedMs: 100,
        late: false,
        rejected: false,
        active: 0,
        completed: 0,
      })),
    ),
  ),
  { maxLength: 20 },
);
const INTERVALS_IN_2_S = 20;

describe('InFlightLimit', () => {
  it('estimates a finite wait within the maximum, or says that it is unknown', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 1e9 }), (parts, active) => {
        const limit = new InFlightLimit(100);
        for (const one of parts.flat()) {
          limit.onInterval(one);
          const waitMs = limit.excessMs(active) ?? 0;
          expect(waitMs >= 0 && waitMs <= MAX_ESTIMATE_MS, `${waitMs} ms`).toBe(true);
          expect(limit.limit).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });

  it('does not make the throughput vanish while the server is idle', () => {
    const limit = new InFlightLimit(100);
    limit.onInterval({ elapsedMs: 100, late: false, rejected: false, active: 0, completed: 1 });
    for (let i = 0; i < 150; i++)
      limit.onInterval({ elapsedMs: 100, late: false, rejected: false, active: 0, completed: 0 });
    limit.onInterval({ elapsedMs: 100, late: true, rejected: false, active: 40, completed: 0 });
    expect(limit.excessMs(40)).toBeGreaterThan(0);
    expect(limit.excessMs(40)).toBeLessThan(10_000);
  });

  it('rejects no request any more 2 s after the loop is in time again, whatever came before', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 10_000 }), (parts, active) => {
        const limit = new InFlightLimit(100);
        for (const one of parts.flat()) limit.onInterval(one);
        for (let i = 0; i < INTERVALS_IN_2_S; i++) {
          const rejected = limit.limit <= active;
          limit.onInterval({ elapsedMs: 100, late: false, rejected, active, completed: 10 });
        }
        expect(limit.limit).toBeGreaterThan(active);
      }),
    );
  });
});

describe('TurnQueue', () => {
  /** Starts one handler a turn, each of which computes for `ms`, with others waiting behind it. */
  async function start(clock: VirtualClock, turns: TurnQueue, durations: readonly number[]): Promise<void> {
    for (const ms of durations) {
      turns.enqueue(() => clock.jumpTo(clock.now() + ms));
    }
    await clock.advance(0);
  }

  it('follows a new service time within the longer of 2 s and three starts, whatever came before', async () => {
    const durations = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(durations, fc.integer({ min: 6, max: 5000 }), async (before, serviceMs) => {
        const clock = new VirtualClock();
        const turns = new TurnQueue(clock);
        turns.tryStart();
        clock.jumpTo(10);
        await start(clock, turns, before);
        const starts = Math.max(4, Math.ceil(2000 / serviceMs) + 1);
        await start(clock, turns, Array<number>(starts).fill(serviceMs));
        for (let i = 0; i < 10; i++) turns.enqueue(() => {});
        const perHandler = turns.estimatedWaitMs() / 10;
        expect(perHandler / serviceMs, `${perHandler} ms for ${serviceMs} ms`).toBeGreaterThan(0.5);
        expect(perHandler / serviceMs, `${perHandler} ms for ${serviceMs} ms`).toBeLessThan(2);
        await clock.advance(0);
      }),
      { numRuns: 60 },
    );
  });

  it('estimates at most the maximum', async () => {
    const clock = new VirtualClock();
    const turns = new TurnQueue(clock);
    await start(clock, turns, [3_600_000, 3_600_000]);
    for (let i = 0; i < 100; i++) turns.enqueue(() => {});
    expect(turns.estimatedWaitMs()).toBe(MAX_ESTIMATE_MS);
  });
});
