import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Demand } from '../src/keys/demand.ts';

const WINDOW_MS = 500;

/** Pauses between calls and their units: bursts, steady calls, idle days. */
const history = fc.array(
  fc.record({
    pauseMs: fc.oneof(
      fc.constant(0),
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.integer({ min: 0, max: 1e9 }),
    ),
    units: fc.integer({ min: 1, max: 1e9 }),
  }),
  { maxLength: 200 },
);

describe('demand', () => {
  it('follows any history within two windows: steady calls are measured, and idle time leaves nothing', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 20 }), (calls, everyMs) => {
        let now = 1e7;
        const demand = new Demand(WINDOW_MS, now);
        for (const { pauseMs, units } of calls) {
          now += pauseMs;
          demand.record(units, now);
          expect(demand.calls(WINDOW_MS, now)).toBeGreaterThanOrEqual(1);
          expect(demand.calls(WINDOW_MS, now)).toBeLessThanOrEqual(calls.length);
          expect(Number.isFinite(demand.units(WINDOW_MS, now))).toBe(true);
        }
        const end = now + 2 * WINDOW_MS;
        while (now < end) {
          now += everyMs;
          demand.record(3, now);
        }
        const expected = WINDOW_MS / everyMs;
        expect(demand.calls(WINDOW_MS, now)).toBeGreaterThan(expected - 2);
        expect(demand.calls(WINDOW_MS, now)).toBeLessThan(expected + 2);
        expect(demand.units(WINDOW_MS, now)).toBeCloseTo(3 * demand.calls(WINDOW_MS, now), 6);
        expect(demand.calls(WINDOW_MS, now + 2 * WINDOW_MS)).toBe(0);
      }),
    );
  });
});
