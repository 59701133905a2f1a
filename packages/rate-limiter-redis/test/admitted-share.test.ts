import { describe, expect, it } from 'vitest';
import { excess, simulate } from './simulation.ts';

const DURATION_MS = 5000;

describe('three times the load', () => {
  const settings = [1, 20, 100].flatMap((roundTripMs) =>
    [
      { rate: 100, burst: 100, leaseMs: 500, costs: [1] },
      { rate: 100, burst: 20, leaseMs: 0, costs: [1] },
      { rate: 1000, burst: 100, leaseMs: 50, costs: [1, 10] },
    ].flatMap((limit) => [1, 4, 10].map((instances) => ({ ...limit, roundTripMs, instances }))),
  );

  it.each(settings)(
    'admits at least 95 % of the limit and never more: $rate/s, burst $burst, costs $costs, $instances instances, $roundTripMs ms',
    async ({ rate, burst, leaseMs, costs, instances, roundTripMs }) => {
      for (const seed of [1, 2]) {
        const { admissions, admitted } = await simulate({
          limit: { rate, burst },
          instances,
          roundTripMs,
          costs,
          loadPerMs: (3 * rate) / 1000,
          durationMs: DURATION_MS,
          seed,
        });
        expect(admitted).toBeGreaterThan(0.95 * rate * (DURATION_MS / 1000));
        // The default of leaseMs; where a round trip is longer, so is the window.
        const longerMs = Math.max(0, 1.2 * roundTripMs - leaseMs);
        expect(excess(admissions, burst, rate / 1000)).toBeLessThanOrEqual((longerMs * rate) / 1000 + 1e-6);
      }
    },
  );

  it('admits at least 95 % of the limit where a round trip is longer than leaseMs', async () => {
    const { admissions, admitted } = await simulate({
      limit: { rate: 100, burst: 100, leaseMs: 50 },
      instances: 3,
      roundTripMs: 100,
      loadPerMs: 0.3,
      durationMs: DURATION_MS,
      seed: 6,
    });
    expect(admitted).toBeGreaterThan(0.95 * 100 * (DURATION_MS / 1000));
    expect(excess(admissions, 100, 0.1)).toBeLessThanOrEqual((120 - 50) * 0.1);
  });

  it('admits as many heavy calls as a strict limit does', async () => {
    const heavyOf = async (mode: 'strict' | 'leased'): Promise<number> => {
      const { admissions } = await simulate({
        limit: { rate: 1000, burst: 100, mode },
        instances: 4,
        roundTripMs: 1,
        costs: [1, 10],
        loadPerMs: 3,
        durationMs: DURATION_MS,
        seed: 3,
      });
      return admissions.filter(({ cost }) => cost === 10).length;
    };
    const strict = await heavyOf('strict');
    const leased = await heavyOf('leased');
    expect(leased).toBeGreaterThan(0.9 * strict);
    expect(leased).toBeLessThan(1.1 * strict);
  });
});

describe('less than the limit', () => {
  it.each([
    { mode: 'leased', instances: 1, roundTripMs: 1 },
    { mode: 'leased', instances: 50, roundTripMs: 5 },
    { mode: 'strict', instances: 5, roundTripMs: 50 },
  ] as const)('rejects nothing: $mode, $instances instances', async ({ mode, instances, roundTripMs }) => {
    const { admissions, calls } = await simulate({
      limit: { rate: 100, burst: 100, mode },
      instances,
      roundTripMs,
      loadPerMs: 0.06,
      durationMs: 10_000,
      seed: 4,
    });
    expect(calls).toBeGreaterThan(500);
    expect(admissions.length).toBe(calls);
  });

  it('takes one round trip for many calls of one key', async () => {
    const { calls, limiters } = await simulate({
      limit: { rate: 2000, burst: 2000 },
      instances: 1,
      roundTripMs: 1,
      loadPerMs: 1,
      durationMs: 2000,
      seed: 5,
    });
    const { roundTrips, rejected } = limiters[0]?.stats() ?? { roundTrips: Number.NaN, rejected: Number.NaN };
    expect(rejected).toBe(0);
    expect(calls / roundTrips).toBeGreaterThan(50);
    // A batch for longer than a lease could not be spent.
    expect(calls / roundTrips).toBeLessThan(500);
  });
});
