import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, PerClientRateLimiter, TokenBucket } from '../src/index.ts';
import { randomFrom } from './random.ts';
import { WindowBound } from './window-bound.ts';

const YEAR_MS = 365.25 * 86_400_000;
const MAX_UPTIME_MS = 10 * YEAR_MS;

type Create = (options: { rate: number; burst: number; clock: VirtualClock }) => Budget;
const limits: Readonly<Record<string, Create>> = {
  'a bucket': (options) => new TokenBucket(options),
  'a warm bucket': (options) => new TokenBucket({ ...options, warmUp: { durationMs: 1000 } }),
  'a client': (options) => new PerClientRateLimiter({ ...options, maxKeys: 1 }).client('ann'),
};

/** How many calls are admitted at this instant. */
function admittedNow(limit: Budget): number {
  let admitted = 0;
  while (limit.tryAcquire()) admitted++;
  return admitted;
}

describe.each(Object.entries(limits))('%s after years', { timeout: 60_000 }, (_, create) => {
  it('admits one call at an instant at a million per second and burst 1', () => {
    const clock = new VirtualClock();
    const limit = create({ rate: 1e6, burst: 1, clock });
    for (const years of [0.001, 1, 2, 10]) {
      clock.jumpTo(years * YEAR_MS);
      expect(admittedNow(limit), `after ${years} years`).toBe(1);
      expect(admittedNow(limit)).toBe(0);
    }
  });

  it('admits the burst at an instant and the rate over time, for any rate to a million and uptime to ten years', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: MAX_UPTIME_MS, noNaN: true }),
        (rate, burst, uptimeMs) => {
          const clock = new VirtualClock();
          const limit = create({ rate, burst, clock });
          limit.tryAcquire();
          clock.jumpTo(uptimeMs);
          clock.advanceSync((burst / rate) * 1000 + 2000);
          expect(admittedNow(limit)).toBe(burst);
          const begin = clock.now();
          const tokens = 500;
          for (let i = 1; i <= tokens; i++) {
            clock.jumpTo(clock.now() + limit.retryAfterMs());
            expect(limit.tryAcquire(), `token ${i} at ${rate}/s`).toBe(true);
            expect(limit.tryAcquire()).toBe(false);
          }
          // The clock itself ticks in 0.06 microseconds after ten years; every token may be late by one or two
          // ticks, and all of them together early by three.
          const tick = Math.max(clock.now() * Number.EPSILON, 2 ** -28);
          const exactMs = (tokens * 1000) / rate;
          expect(clock.now() - begin).toBeGreaterThan(exactMs * (1 - 1e-9) - 3 * tick - tokens * 2 ** -28);
          expect(clock.now() - begin).toBeLessThan(exactMs * (1 + 1e-9) + 2 * tick * tokens);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('never exceeds burst + rate * window by more than the tick of the clock, and computes the first instant of admission', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 0.01, max: 1e6, noNaN: true }),
        fc.double({ min: 1, max: 1000, noNaN: true }),
        fc.double({ min: 0, max: MAX_UPTIME_MS, noNaN: true }),
        (seed, rate, burst, uptimeMs) => {
          const random = randomFrom(seed);
          const clock = new VirtualClock();
          const limit = create({ rate, burst, clock });
          limit.tryAcquire();
          clock.jumpTo(uptimeMs);
          const bound = new WindowBound(rate / 1000);
          for (let i = 0; i < 200; i++) {
            const cost = random() * burst;
            const wait = limit.retryAfterMs({ cost });
            const at = clock.now() + wait;
            expect(limit.retryAfterMs({ cost }, at), `at ${at}`).toBe(0);
            if (random() < 0.7) clock.jumpTo(at);
            if (limit.tryAcquire({ cost })) bound.admitted(cost, clock.now() - uptimeMs);
            else expect(wait).toBeGreaterThan(0);
            clock.advanceSync((random() * 500) / rate);
          }
          const tick = clock.now() * Number.EPSILON + 2 ** -28;
          expect(bound.worst).toBeLessThanOrEqual(burst * (1 + 1e-9) + (200 * tick * rate) / 1000 + 0.5);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a per-client limiter after years', () => {
  it('keeps debts, overflow debts and blocks when it moves the origin of its time', () => {
    const clock = new VirtualClock(0.25);
    const limiter = new PerClientRateLimiter({
      rate: 1,
      intervalMs: 86_400_000,
      burst: 10,
      maxKeys: 20,
      clock,
    });
    const keys = Array.from({ length: 100 }, (_, i) => `user ${i}`);
    for (const key of keys) limiter.tryAcquire({ key, cost: 9 });
    limiter.block('blocked', 10 * 86_400_000);
    const waits = new Map(keys.map((key) => [key, limiter.retryAfterMs({ key, cost: 10 })]));
    for (let hour = 1; hour < 200; hour++) {
      clock.advanceSync(3_600_000);
      for (const key of ['user 0', 'user 99', 'stranger']) limiter.retryAfterMs({ key });
      for (const [key, wait] of waits) {
        expect(limiter.retryAfterMs({ key, cost: 10 })).toBeCloseTo(wait - hour * 3_600_000, 3);
      }
    }
    expect(limiter.retryAfterMs({ key: 'blocked' })).toBe(10 * 86_400_000 - 199 * 3_600_000);
  });

  it('is not thrown off by one wrong time far in the future', () => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 10, burst: 1, clock });
    limiter.tryAcquire({ key: 'ann' });
    limiter.block('eve', 1000);
    limiter.tryAcquire({ key: 'bob' }, 1.8e12);
    expect(limiter.retryAfterMs({ key: 'ann' })).toBe(100);
    expect(limiter.retryAfterMs({ key: 'eve' })).toBe(1000);
    clock.advanceSync(100);
    expect(limiter.tryAcquire({ key: 'ann' })).toBe(true);
  });

  it('grants nothing when its clock goes back behind its origin', () => {
    const clock = new VirtualClock(1e9);
    const limiter = new PerClientRateLimiter({ rate: 10, burst: 1, clock });
    limiter.tryAcquire({ key: 'ann' });
    for (const at of [1e9 - 1, 0, Number.NaN]) {
      expect(limiter.tryAcquire({ key: 'ann' }, at), `${at}`).toBe(false);
      const wait = limiter.retryAfterMs({ key: 'ann' }, at);
      if (!Number.isNaN(at)) expect(at + wait).toBe(1e9 + 100);
      else expect(wait).toBe(100);
    }
  });
});
