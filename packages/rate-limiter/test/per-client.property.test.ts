import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter } from '../src/index.ts';
import { admits } from './admits.ts';
import { pick, randomFrom } from './random.ts';
import { WindowBound } from './window-bound.ts';

const TIERS = { slow: { rate: 2, burst: 20 }, fast: { rate: 100, burst: 5 } };
const tierOf = (key: string): string | undefined => ['slow', 'fast', undefined][key.charCodeAt(0) % 3];
const limitOf = (key: string): { rate: number; burst: number } =>
  TIERS[tierOf(key) as keyof typeof TIERS] ?? { rate: 10, burst: 10 };

/** A model of what each client has spent, without a bound on their number. */
class Truth {
  readonly #level = new Map<string, { tokens: number; at: number }>();
  readonly #bounds = new Map<string, WindowBound>();
  readonly #blockedUntil = new Map<string, number>();

  readonly #maxKeys: number;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** Tokens spent by `key` that have not come back. */
  spent(key: string, now: number): number {
    const { tokens, at } = this.#level.get(key) ?? { tokens: 0, at: 0 };
    return Math.max(0, tokens - ((now - at) * limitOf(key).rate) / 1000);
  }

  block(key: string, until: number, now: number): void {
    this.#blockedUntil.set(key, Math.max(until, this.#blockedUntil.get(key) ?? 0));
    for (const [other, end] of this.#blockedUntil) if (end <= now) this.#blockedUntil.delete(other);
    if (this.#blockedUntil.size <= this.#maxKeys) return;
    // The block that ends first is dropped.
    const [first] = [...this.#blockedUntil].sort(([, a], [, b]) => a - b);
    if (first !== undefined) this.#blockedUntil.delete(first[0]);
  }

  isBlocked(key: string, now: number): boolean {
    return now < (this.#blockedUntil.get(key) ?? 0);
  }

  charge(key: string, cost: number, now: number): void {
    this.#level.set(key, { tokens: Math.max(0, this.spent(key, now) + cost), at: now });
  }

  admitted(key: string, cost: number, now: number): number {
    this.charge(key, cost, now);
    const bound = this.#bounds.get(key) ?? new WindowBound(limitOf(key).rate / 1000);
    this.#bounds.set(key, bound);
    bound.admitted(cost, now);
    return bound.worst;
  }
}

/** Random traffic of `keys` clients against `limiter`; calls `judge` with every decision and the decision of the model. */
function run(
  random: () => number,
  limiter: PerClientRateLimiter,
  clock: VirtualClock,
  { keys, steps }: { keys: number; steps: number },
  judge: (admitted: boolean, allowed: boolean, message: () => string) => void,
): void {
  const truth = new Truth(limiter.stats().maxKeys);
  for (let i = 0; i < steps; i++) {
    if (random() < 0.5) clock.advanceSync(pick(random, 40));
    const now = clock.now();
    // A few clients come often, most come once.
    const key = `${pick(random, random() < 0.5 ? 5 : keys)}`;
    const what = random();
    const { burst } = limitOf(key);
    if (what < 0.02) {
      const ms = pick(random, 5000);
      limiter.block(key, ms);
      truth.block(key, now + ms, now);
    } else if (what < 0.04) {
      const cost = random() * 2 * burst;
      limiter.penalty({ key, cost });
      truth.charge(key, cost, now);
    } else {
      const cost = random() < 0.8 ? 1 : random() * burst;
      const allowed = !truth.isBlocked(key, now) && truth.spent(key, now) + cost <= burst + 1e-6;
      const admitted = limiter.tryAcquire({ key, cost });
      judge(
        admitted,
        allowed,
        () => `step ${i} at ${now}: ${key} for ${cost} after ${truth.spent(key, now)}`,
      );
      if (admitted && what < 0.9) {
        const worst = truth.admitted(key, cost, now);
        if (worst > burst + 1e-6) expect.fail(`${key} was admitted ${worst} above its rate at ${now}`);
      } else if (admitted) {
        limiter.refund({ key, cost });
      }
    }
  }
}

describe('PerClientRateLimiter', { timeout: 30_000 }, () => {
  it('admits no client above its limit, however small the table is: 600 000 steps', () => {
    let rejectedEarly = 0;
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, maxKeys) => {
        const random = randomFrom(seed);
        const clock = new VirtualClock();
        const options = { rate: 10, burst: 10, tiers: TIERS, tierOf, maxKeys, clock, random };
        run(
          random,
          new PerClientRateLimiter(options),
          clock,
          { keys: 1000, steps: 3000 },
          (admitted, allowed, message) => {
            if (admitted && !allowed) expect.fail(`admitted too much, ${message()}`);
            if (!admitted && allowed) rejectedEarly++;
          },
        );
      }),
      { numRuns: 200 },
    );
    // Otherwise the tables were never full and the test shows nothing.
    expect(rejectedEarly).toBeGreaterThan(1000);
  });

  it('decides as if it remembered every client while the table has room, 400 000 steps', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomFrom(seed);
        const clock = new VirtualClock();
        const options = { rate: 10, burst: 10, tiers: TIERS, tierOf, maxKeys: 2000, clock, random };
        run(
          random,
          new PerClientRateLimiter(options),
          clock,
          { keys: 1000, steps: 4000 },
          (admitted, allowed, message) => {
            if (admitted !== allowed) expect.fail(`${admitted}, ${message()}`);
          },
        );
      }),
      { numRuns: 100 },
    );
  });

  it('retryAfterMs is the first instant of admission, in a table of any size', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 100 }), (seed, maxKeys) => {
        const random = randomFrom(seed);
        const clock = new VirtualClock(pick(random, 1e6));
        const limiter = new PerClientRateLimiter({ rate: 7, burst: 3, maxKeys, clock, random });
        for (let i = 0; i < 500; i++) {
          clock.advanceSync(random() * 10);
          const key = `${pick(random, 200)}`;
          limiter.tryAcquire({ key, cost: random() * 3 });
          const cost = random() * 3;
          const wait = limiter.retryAfterMs({ key, cost });
          const now = clock.now();
          if (!admits(limiter, { key, cost }, now + wait)) expect.fail(`not at ${now} + ${wait}`);
          if (wait > 1e-6 && admits(limiter, { key, cost }, now + wait - Math.max(1e-6, wait * random()))) {
            expect.fail(`before ${now} + ${wait}`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
