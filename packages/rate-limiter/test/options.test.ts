import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  AllOf,
  LeakyBucket,
  LeakyBucketShaper,
  PerClientRateLimiter,
  type PerClientRateLimiterOptions,
  TokenBucket,
  type TokenBucketOptions,
} from '../src/index.ts';

type Bad = readonly [message: RegExp, options: unknown];

const NaN_ = Number.NaN;
const badRates: readonly Bad[] = [
  [/options must be an object/, undefined],
  [/rate must be .* got undefined/, {}],
  [/rate must be .* got "10" \(string\)/, { rate: '10' }],
  [/rate must be .* got -1/, { rate: -1 }],
  [/rate must be .* got NaN/, { rate: NaN_ }],
  [/intervalMs must be .* got 0/, { rate: 1, intervalMs: 0 }],
  [/intervalMs must be .* got Infinity/, { rate: 1, intervalMs: Number.POSITIVE_INFINITY }],
  [/rate must bring the burst back in finite time/, { rate: 1e-300, intervalMs: 1e300 }],
  [/name must be/, { rate: 1, name: '' }],
  [/clock must be/, { rate: 1, clock: Date }],
];
const badWaiting: readonly Bad[] = [
  [/maxQueue must be .* got -1/, { rate: 1, maxQueue: -1 }],
  [/maxQueue must be .* got 1.5/, { rate: 1, maxQueue: 1.5 }],
  [/shadow must be a boolean/, { rate: 1, shadow: 'yes' }],
];
const badBursts: readonly Bad[] = [
  [/burst must be .* got 0/, { rate: 1, burst: 0 }],
  [/burst must be .* got Infinity/, { rate: 1, burst: Number.POSITIVE_INFINITY }],
  [/burst must be .* got null/, { rate: 1, burst: null }],
];

function rejects(create: (options: never) => unknown, cases: readonly Bad[]): void {
  for (const [message, options] of cases) {
    const attempt = () => create(options as never);
    expect(attempt, `${message}`).toThrow(message);
    try {
      attempt();
    } catch (error) {
      expect(error instanceof TypeError || error instanceof RangeError, `${error}`).toBe(true);
    }
  }
}

describe('options', () => {
  it('of TokenBucket are checked', () => {
    rejects(
      (options) => new TokenBucket(options),
      [
        ...badRates,
        ...badWaiting,
        ...badBursts,
        [/warmUp must be an object/, { rate: 1, warmUp: null }],
        [/warmUp.durationMs must be/, { rate: 1, warmUp: {} }],
        [/warmUp.durationMs must be/, { rate: 1, warmUp: { durationMs: 0 } }],
        [
          /warmUp.coldFactor must be a number from 1 to 1000/,
          { rate: 1, warmUp: { durationMs: 1, coldFactor: 0.5 } },
        ],
        [/rate must be a finite number above 0 with warmUp/, { rate: 0, warmUp: { durationMs: 1 } }],
        [
          /rate must be a finite number above 0 with warmUp/,
          { rate: Number.POSITIVE_INFINITY, warmUp: { durationMs: 1 } },
        ],
      ],
    );
  });

  it('of LeakyBucket are checked', () => {
    const withCapacity = badRates.map(
      ([message, options]): Bad => [message, options && { capacity: 5, ...options }],
    );
    rejects(
      (options) => new LeakyBucket(options),
      [
        ...withCapacity,
        [/capacity must be .* got undefined/, { rate: 1 }],
        [/capacity must be .* got 0/, { rate: 1, capacity: 0 }],
        [/maxQueue must be/, { rate: 1, capacity: 1, maxQueue: NaN_ }],
      ],
    );
  });

  it('of LeakyBucketShaper are checked', () => {
    rejects(
      (options) => new LeakyBucketShaper(options),
      [
        [/options must be an object/, null],
        [/rate must be a finite number above 0/, { rate: 0, capacity: 1 }],
        [/intervalMs must be/, { rate: 1, capacity: 1, intervalMs: -5 }],
        [/capacity must be/, { rate: 1 }],
        [/burst must be a finite number of at least 0/, { rate: 1, capacity: 1, burst: -1 }],
        [/maxQueue must be/, { rate: 1, capacity: 1, maxQueue: -1 }],
      ],
    );
  });

  it('of AllOf are checked', () => {
    rejects(
      (options) => new AllOf(options),
      [
        [/options must be an object/, 5],
        [/limits must be an array/, {}],
        [/limits must be an array of at least one limit/, { limits: [] }],
        [/limits\[1\] must have a tryAcquire/, { limits: [new TokenBucket({ rate: 1 }), {}] }],
        [/limits\[0\] must have a tryAcquire/, { limits: [null] }],
        [/maxQueue must be/, { limits: [new TokenBucket({ rate: 1 })], maxQueue: -1 }],
      ],
    );
  });

  it('of PerClientRateLimiter are checked', () => {
    rejects(
      (options) => new PerClientRateLimiter(options),
      [
        ...badRates,
        ...badBursts,
        [/shadow must be a boolean/, { rate: 1, shadow: 1 }],
        [/maxKeys must be an integer of at least 1/, { rate: 1, maxKeys: 0 }],
        [/maxKeys must be an integer of at most 16777216/, { rate: 1, maxKeys: 2 ** 24 + 1 }],
        [/maxOffenders must be an integer of at least 0/, { rate: 1, maxOffenders: -1 }],
        [/maxOffenders must be an integer of at most 100/, { rate: 1, maxOffenders: 101 }],
        [/tiers.pro.rate must be/, { rate: 1, tiers: { pro: {} } }],
        [/tiers.pro must be an object/, { rate: 1, tiers: { pro: 5 } }],
        [/the name of a tier must be/, { rate: 1, tiers: { '': { rate: 1 } } }],
        [
          /tiers must be at most 255, got 256/,
          {
            rate: 1,
            tiers: Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`t${i}`, { rate: 1 }])),
          },
        ],
        [/tiers must be given with tierOf/, { rate: 1, tierOf: () => 'pro' }],
        [/tierOf must be a function/, { rate: 1, tiers: { pro: { rate: 1 } }, tierOf: 'pro' }],
        [/allow must be/, { rate: 1, allow: 5 }],
        [/allow must be/, { rate: 1, allow: 'ann' }],
        [/parent must have a tryAcquire/, { rate: 1, parent: {} }],
        [/parent must have a tryAcquire/, { rate: 1, parent: null }],
        [/random must be a function/, { rate: 1, random: 4 }],
      ],
    );
  });

  it('that do not exist are named, with their path and the nearest known one, in the constructor and in setLimit', () => {
    const limits = [new TokenBucket({ rate: 1 })];
    const cases: readonly (readonly [
      message: string,
      create: (options: never) => unknown,
      options: unknown,
    ])[] = [
      ['queue: did you mean maxQueue?', (options) => new TokenBucket(options), { rate: 1, queue: 3 }],
      ['warmup: did you mean warmUp?', (options) => new TokenBucket(options), { rate: 1, warmup: {} }],
      [
        'warmUp.duration: did you mean warmUp.durationMs?',
        (options) => new TokenBucket(options),
        { rate: 1, warmUp: { duration: 5 } },
      ],
      ['burst (known:', (options) => new LeakyBucket(options), { rate: 1, capacity: 1, burst: 1 }],
      ['shadow (known:', (options) => new LeakyBucketShaper(options), { rate: 1, capacity: 1, shadow: true }],
      ['limit: did you mean limits?', (options) => new AllOf(options), { limit: limits }],
      ['maxQueu: did you mean maxQueue?', (options) => new AllOf(options), { limits, maxQueu: 1 }],
      ['maxClients', (options) => new PerClientRateLimiter(options), { rate: 1, maxClients: 5 }],
      [
        'tiers.gold.rates: did you mean tiers.gold.rate?',
        (options) => new PerClientRateLimiter(options),
        { rate: 1, tiers: { gold: { rate: 1, rates: 2 } } },
      ],
      [
        'brust: did you mean burst?',
        (options) => new TokenBucket({ rate: 1 }).setLimit(options),
        { brust: 2 },
      ],
      [
        'burst (known: rate, intervalMs, capacity)',
        (options) => new LeakyBucket({ rate: 1, capacity: 1 }).setLimit(options),
        { burst: 2 },
      ],
      [
        'rat: did you mean rate?',
        (options) => new LeakyBucketShaper({ rate: 1, capacity: 1 }).setLimit(options),
        { rat: 2 },
      ],
      ['maxKeys', (options) => new PerClientRateLimiter({ rate: 1 }).setLimit(options), { maxKeys: 2 }],
    ];
    for (const [message, create, options] of cases) {
      expect(() => create(options as never), message).toThrow(TypeError);
      expect(() => create(options as never)).toThrow(`unknown option ${message}`);
    }
  });

  it('have defaults that the documentation names', () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, clock });
    expect([bucket.name, bucket.maxCost()]).toEqual(['token-bucket', 10]);
    expect(bucket.stats()).toMatchObject({ intervalMs: 1000, burst: 10 });
    const leaky = new LeakyBucket({ rate: 10, capacity: 3, clock });
    expect([leaky.name, leaky.maxCost()]).toEqual(['leaky-bucket', 3]);
    expect(new LeakyBucketShaper({ rate: 1, capacity: 3, clock })).toMatchObject({
      name: 'leaky-bucket-shaper',
    });
    expect(new AllOf({ limits: [new TokenBucket({ rate: 1 })] })).toMatchObject({ name: 'all-of' });
    const perClient = new PerClientRateLimiter({ rate: 10, clock });
    expect(perClient).toMatchObject({ name: 'per-client-rate-limiter' });
    expect(perClient.maxCost({ key: 'ann' })).toBe(10);
    expect(perClient.stats()).toMatchObject({ maxKeys: 100_000 });
  });

  it('may be given as undefined, and are read-only', () => {
    const bucket = new TokenBucket({ rate: 2, burst: undefined, clock: undefined, warmUp: undefined });
    expect(bucket.maxCost()).toBe(2);
    expectTypeOf<TokenBucketOptions>().toExtend<Readonly<TokenBucketOptions>>();
    expectTypeOf<PerClientRateLimiterOptions['burst']>().toEqualTypeOf<number | undefined>();
  });
});
