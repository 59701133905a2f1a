import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';
import { WindowBound } from './window-bound.ts';

function cold(options: { rate?: number; burst?: number; durationMs?: number; coldFactor?: number } = {}) {
  const { rate = 90, burst = 90, durationMs = 10_000, coldFactor = 3 } = options;
  const clock = new VirtualClock(500);
  return { clock, bucket: new TokenBucket({ rate, burst, clock, warmUp: { durationMs, coldFactor } }) };
}

/** Takes the available tokens every millisecond and returns how many they were. */
function drink(bucket: TokenBucket, clock: VirtualClock, ms: number): number {
  let taken = 0;
  for (let i = 0; i < ms; i++) {
    while (bucket.tryAcquire()) taken++;
    clock.advanceSync(1);
  }
  return taken;
}

describe('warmUp', { timeout: 30_000 }, () => {
  it('starts with one token at a third of the rate and rises linearly to the full rate', () => {
    const { clock, bucket } = cold();
    expect(bucket.remaining()).toBe(1);
    expect(drink(bucket, clock, 1000)).toBeCloseTo(1 + 33, -1);
    drink(bucket, clock, 4000);
    expect(drink(bucket, clock, 1000)).toBeCloseTo(66, -1);
    drink(bucket, clock, 4000);
    expect(drink(bucket, clock, 1000)).toBe(90);
  });

  it('admits the mean of both rates over the whole ramp', () => {
    const { clock, bucket } = cold();
    expect(drink(bucket, clock, 10_000)).toBe(1 + (10 * (90 + 30)) / 2 - 1);
  });

  it('starts again on demand, and takes away saved tokens', () => {
    const { clock, bucket } = cold();
    clock.advanceSync(60_000);
    expect(bucket.remaining()).toBe(90);
    bucket.warmUpAgain();
    expect(bucket.remaining()).toBe(1);
    expect(drink(bucket, clock, 1000)).toBeLessThan(40);
    bucket.setLimit({ rate: 900 });
    expect(drink(bucket, clock, 1000)).toBeLessThan(450);
  });

  it('does not fill an emptier bucket, and does nothing without the option', () => {
    const { bucket } = cold();
    bucket.penalty({ cost: 5 });
    bucket.warmUpAgain();
    expect(bucket.remaining()).toBe(0);
    const warm = new TokenBucket({ rate: 5, clock: new VirtualClock() });
    warm.warmUpAgain();
    expect(warm.remaining()).toBe(5);
  });

  it('computes the first instant of admission on the ramp, at its end and after it, and keeps the bound', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 1000, noNaN: true }),
        fc.double({ min: 1, max: 100_000, noNaN: true }),
        fc.double({ min: 1, max: 100, noNaN: true }),
        fc.array(
          fc.record({
            cost: fc.double({ min: 0, max: 5, noNaN: true }),
            wait: fc.double({ min: 0, max: 1, noNaN: true }),
          }),
          {
            maxLength: 50,
            size: 'max',
          },
        ),
        (rate, durationMs, coldFactor, calls) => {
          const { clock, bucket } = cold({ rate, burst: 5, durationMs, coldFactor });
          const bound = new WindowBound(rate / 1000);
          for (const [i, { cost, wait }] of calls.entries()) {
            if (i % 3 === 2) bucket.warmUpAgain();
            const now = clock.now();
            const retryAfterMs = bucket.retryAfterMs({ cost });
            expect(admits(bucket, { cost }, now + retryAfterMs), `at ${now} + ${retryAfterMs}`).toBe(true);
            // At a hundredth of the speed the tolerated rounding is a hundred times longer.
            if (retryAfterMs > 1) {
              expect(
                admits(bucket, { cost }, now + retryAfterMs * 0.999),
                `before ${now} + ${retryAfterMs}`,
              ).toBe(false);
            }
            clock.advanceSync(retryAfterMs * wait * 1.5);
            if (bucket.tryAcquire({ cost })) bound.admitted(cost, clock.now());
          }
          expect(bound.worst).toBeLessThanOrEqual(5 + 1e-6);
        },
      ),
    );
  });

  it('grants nothing when time goes back to before the ramp', () => {
    const { clock, bucket } = cold({ durationMs: 1000 });
    clock.advanceSync(100_000);
    bucket.warmUpAgain();
    expect(bucket.tryAcquire()).toBe(true);
    for (const at of [100_400, 99_000, 50_000, 500, 0]) expect(bucket.remaining(at), `at ${at}`).toBe(0);
    expect(bucket.remaining()).toBe(0);
  });

  it('serves waiting calls on the ramp at the right time', async () => {
    const { clock, bucket } = cold({ rate: 30, burst: 1, durationMs: 10_000 });
    bucket.tryAcquire();
    const wait = bucket.retryAfterMs();
    expect(wait).toBeGreaterThan(90);
    expect(wait).toBeLessThan(100);
    let servedAt = 0;
    bucket.acquire().then(() => {
      servedAt = clock.now();
    });
    await clock.advance(200);
    expect(servedAt).toBe(500 + wait);
    expect(clock.pendingTimers).toBe(0);
  });
});
