import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeakyBucket, TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';
import { pick, randomFrom } from './random.ts';
import { WindowBound } from './window-bound.ts';

/** An independent model of the bucket: a level in whole units that leaks. Exact, because all its numbers are integers. */
class Model {
  // One token is `tokenMs` units, one of which leaks every millisecond.
  level = 0;
  #last = 0;
  readonly #tokenMs: number;
  readonly #burst: number;

  constructor(tokenMs: number, burst: number) {
    this.#tokenMs = tokenMs;
    this.#burst = burst;
  }

  tryAcquire(cost: number, now: number): boolean {
    this.level = Math.max(0, this.level - Math.max(0, now - this.#last));
    this.#last = Math.max(this.#last, now);
    if (this.level + cost * this.#tokenMs > this.#burst * this.#tokenMs) return false;
    this.level += cost * this.#tokenMs;
    return true;
  }
}

describe('TokenBucket decides exactly', { timeout: 30_000 }, () => {
  it('as an independent model does, over 900 000 steps, and never exceeds burst + rate * window', () => {
    let steps = 0;
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 40 }),
        (seed, tokenMs, burst) => {
          const random = randomFrom(seed);
          const clock = new VirtualClock(pick(random, 1e6));
          const bucket = new TokenBucket({ rate: 1, intervalMs: tokenMs, burst, clock });
          const model = new Model(tokenMs, burst);
          const bound = new WindowBound(1 / tokenMs);
          const start = clock.now();
          for (let i = 0; i < 3000; i++, steps++) {
            clock.advanceSync(random() < 0.7 ? 0 : pick(random, tokenMs * 3));
            const now = clock.now() - start;
            const cost = random() < 0.8 ? 1 : pick(random, burst + 2);
            const admitted = bucket.tryAcquire({ cost });
            if (admitted !== model.tryAcquire(cost, now)) expect.fail(`step ${i} at ${now}: ${admitted}`);
            if (admitted) bound.admitted(cost, now);
          }
          expect(bound.worst).toBeLessThanOrEqual(burst + 1e-6);
        },
      ),
      { numRuns: 300 },
    );
    expect(steps).toBeGreaterThanOrEqual(900_000);
  });

  it('at any rate, burst, cost and time: retryAfterMs is the first instant of admission, over 400 000 steps', () => {
    let steps = 0;
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        fc.double({ min: 0.01, max: 1e4, noNaN: true }),
        fc.constantFrom(0, 123.456, 1e9, 1.7e12),
        (seed, rate, burst, origin) => {
          const random = randomFrom(seed);
          const clock = new VirtualClock(origin);
          const bucket = new TokenBucket({ rate, burst, clock });
          const bound = new WindowBound(rate / 1000);
          for (let i = 0; i < 2000; i++, steps++) {
            const cost = burst * (random() < 0.5 ? random() : random() * 0.1);
            const now = clock.now();
            const wait = bucket.retryAfterMs({ cost });
            if (admits(bucket, { cost }) !== (wait === 0)) expect.fail(`check at ${now}, ${wait} before`);
            if (wait > 0) {
              // Within the clock's own resolution, which at 1.7e12 is a quarter of a microsecond.
              const before = now + wait - Math.max(wait * random(), (now + wait) * 1e-12);
              if (before > now && admits(bucket, { cost }, before))
                expect.fail(`${before} is before ${now} + ${wait}`);
              if (!admits(bucket, { cost }, now + wait)) expect.fail(`not at ${now} + ${wait}`);
            }
            if (random() < 0.5) clock.jumpTo(now + wait);
            else clock.advanceSync(random() * 2 * (wait || 1000 / rate));
            if (bucket.tryAcquire({ cost })) bound.admitted(cost, clock.now() - origin);
          }
          const rounding = (rate / 1000) * Math.max(1e-6, clock.now() * 1e-12);
          expect(bound.worst).toBeLessThanOrEqual(burst * (1 + 1e-9) + rounding);
        },
      ),
      { numRuns: 200 },
    );
    expect(steps).toBeGreaterThanOrEqual(400_000);
  });

  it('grants nothing when time goes backwards', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -500, max: 300 }), { maxLength: 200, size: 'max' }), (moves) => {
        const bucket = new TokenBucket({ rate: 10, burst: 5, clock: new VirtualClock(1000) });
        let now = 1000;
        let latest = now;
        let admitted = 0;
        for (const move of moves) {
          now += move;
          latest = Math.max(latest, now);
          if (bucket.tryAcquire({}, now)) admitted++;
          expect(admitted, `at ${now} after ${latest}`).toBeLessThanOrEqual(5 + (latest - 1000) / 100);
        }
      }),
    );
  });

  it('and LeakyBucket decides as the token bucket of the same size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(300), cost: fc.integer({ min: 0, max: 12 }) }), {
          maxLength: 200,
          size: 'max',
        }),
        (calls) => {
          const clock = new VirtualClock();
          const token = new TokenBucket({ rate: 10, burst: 10, clock });
          const leaky = new LeakyBucket({ rate: 10, capacity: 10, clock });
          for (const { wait, cost } of calls) {
            clock.advanceSync(wait);
            expect(leaky.tryAcquire({ cost })).toBe(token.tryAcquire({ cost }));
            expect(leaky.level()).toBeCloseTo(10 - token.remaining(), 6);
            expect(leaky.retryAfterMs({ cost })).toBe(token.retryAfterMs({ cost }));
          }
        },
      ),
    );
  });

  it('remaining is what can be taken, to the millionth', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.01, max: 1e5, noNaN: true }), (seed, rate) => {
        const random = randomFrom(seed);
        const clock = new VirtualClock();
        const bucket = new TokenBucket({ rate, burst: 10, clock });
        for (let i = 0; i < 50; i++) {
          clock.advanceSync((random() * 2000) / rate);
          bucket.tryAcquire({ cost: random() * 5 });
          const remaining = bucket.remaining();
          expect(
            admits(bucket, { cost: Math.max(0, remaining - 2e-6) }),
            `${remaining} at ${clock.now()}`,
          ).toBe(true);
          expect(admits(bucket, { cost: remaining + 2e-6 }), `more than ${remaining} at ${clock.now()}`).toBe(
            false,
          );
        }
      }),
    );
  });
});
