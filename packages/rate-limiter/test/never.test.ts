import { isRejected } from '@bp/core';
import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { AllOf, LeakyBucket, LeakyBucketShaper, PerClientRateLimiter, TokenBucket } from '../src/index.ts';

const NEVER = Number.POSITIVE_INFINITY;
const clock = new VirtualClock();
const tokenBucket = () => new TokenBucket({ rate: 10, burst: 10, clock, name: 'it' });
const limiters = {
  TokenBucket: tokenBucket,
  LeakyBucket: () => new LeakyBucket({ rate: 10, capacity: 10, clock, name: 'it' }),
  LeakyBucketShaper: () => new LeakyBucketShaper({ rate: 10, capacity: 10, clock, name: 'it' }),
  PerClientRateLimiter: () => new PerClientRateLimiter({ rate: 10, burst: 10, clock, name: 'it' }),
  'a client': () => new PerClientRateLimiter({ rate: 10, burst: 10, clock, name: 'it' }).client('ann'),
  AllOf: () => new AllOf({ limits: [tokenBucket()], clock, name: 'all' }),
};

const rejectionOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('was admitted'),
    (error) => error,
  );

describe.each(Object.entries(limiters))('what %s can never admit', (_, create) => {
  it('is a RangeError if the cost is above the configured maximum, and a plain rejection in tryAcquire', async () => {
    const limiter = create();
    for (const cost of [10.5, Number.POSITIVE_INFINITY, -1, Number.NaN]) {
      await expect(limiter.acquire({ cost }), `${cost}`).rejects.toThrow(
        /cost must be a number from 0 to 10/,
      );
      await expect(limiter.acquire({ cost })).rejects.toThrow(RangeError);
      expect(limiter.tryAcquire({ cost })).toBe(false);
      expect(limiter.retryAfterMs({ cost })).toBe(NEVER);
      expect(limiter.check({ cost })).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: NEVER });
    }
    expect(limiter.tryAcquire({ cost: 10 })).toBe(true);
  });

  it('is a TypeError if the cost is not a number', async () => {
    for (const cost of ['5', {}, true] as unknown as number[]) {
      const limiter = create();
      await expect(limiter.acquire({ cost })).rejects.toThrow(TypeError);
      expect(limiter.tryAcquire({ cost })).toBe(false);
      expect(limiter.retryAfterMs({ cost })).toBe(NEVER);
    }
  });
});

const lowered = {
  TokenBucket: () => {
    const limiter = tokenBucket();
    return { limiter, lower: () => limiter.setLimit({ burst: 5 }) };
  },
  LeakyBucket: () => {
    const limiter = limiters.LeakyBucket();
    return { limiter, lower: () => limiter.setLimit({ capacity: 5 }) };
  },
  LeakyBucketShaper: () => {
    const limiter = limiters.LeakyBucketShaper();
    return { limiter, lower: () => limiter.setLimit({ capacity: 5 }) };
  },
  PerClientRateLimiter: () => {
    const limiter = limiters.PerClientRateLimiter();
    return { limiter, lower: () => limiter.setLimit({ burst: 5 }) };
  },
  AllOf: () => {
    const child = tokenBucket();
    return { limiter: new AllOf({ limits: [child], clock }), lower: () => child.setLimit({ burst: 5 }) };
  },
  'the parent of a PerClientRateLimiter': () => {
    const parent = tokenBucket();
    const limiter = new PerClientRateLimiter({ rate: 10, burst: 20, parent, clock });
    return { limiter, lower: () => parent.setLimit({ burst: 5 }) };
  },
};

describe.each(Object.entries(lowered))('a cost that setLimit of %s made impossible', (_, create) => {
  it('is a rejection that says never, from the change on', async () => {
    const { limiter, lower } = create();
    lower();
    const rejection = await rejectionOf(limiter.acquire({ cost: 8 }));
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', rejectedBy: 'it', retryAfterMs: NEVER });
    expect(limiter.check({ cost: 8 })).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: NEVER });
    await expect(limiter.acquire({ cost: 11 })).rejects.toThrow(RangeError);
    await limiter.acquire({ cost: 5 });
  });
});

describe('never', () => {
  it('is what a bucket with rate 0 says after its burst, and a client with rate 0 at once', async () => {
    const bucket = new TokenBucket({ rate: 0, burst: 2, clock, name: 'once' });
    const client = new PerClientRateLimiter({ rate: 0, clock, name: 'none' });
    await bucket.acquire({ cost: 2 });
    for (const limiter of [bucket, client, new AllOf({ limits: [bucket], clock })]) {
      expect(await rejectionOf(limiter.acquire())).toMatchObject({
        code: 'RATE_LIMITED',
        rejectedBy: limiter === client ? 'none' : 'once',
        retryAfterMs: NEVER,
      });
    }
    bucket.setLimit({ rate: 10 });
    expect(bucket.retryAfterMs()).toBe(100);
  });

  it.each(Object.entries(limiters))('is what %s says once it is closed', async (_, create) => {
    const limiter = create();
    if (!('close' in limiter)) return;
    await limiter.close();
    expect(limiter.tryAcquire()).toBe(false);
    expect(limiter.retryAfterMs()).toBe(NEVER);
    const closed = { code: 'SHUTTING_DOWN', rejectedBy: limiter.name, retryAfterMs: undefined };
    expect(limiter.check()).toMatchObject(closed);
    expect(await rejectionOf(limiter.acquire())).toMatchObject(closed);
    // Whatever the call: it is not its cost that is wrong.
    expect(await rejectionOf(limiter.acquire({ cost: 11 }))).toMatchObject(closed);
  });

  it('is what a limit says whose part is closed, with the code and the name of the part', async () => {
    const part = tokenBucket();
    const users = new PerClientRateLimiter({ rate: 10, parent: part, clock });
    const all = new AllOf({ limits: [new TokenBucket({ rate: 10, clock }), part], clock });
    const nested = new AllOf({ limits: [all, users.client('ann')], clock });
    await part.close();
    for (const limiter of [users, users.client('ann'), all]) {
      const closed = { code: 'SHUTTING_DOWN', rejectedBy: 'it', retryAfterMs: undefined };
      expect(limiter.check()).toMatchObject(closed);
      expect(await rejectionOf(limiter.acquire())).toMatchObject(closed);
    }
    expect(isRejected(nested.check(), 'SHUTTING_DOWN')).toBe(true);
  });

  it('rejects waiting calls that a change made impossible, all at once and no others', async () => {
    const bucket = new TokenBucket({ rate: 10, burst: 10, clock });
    bucket.tryAcquire({ cost: 10 });
    const costs = [8, 3, 9, 5, 6];
    const outcomes: (string | undefined)[] = [];
    costs.forEach((cost, i) => {
      bucket.acquire({ cost }).then(
        () => (outcomes[i] = 'admitted'),
        (rejection) => (outcomes[i] = `${rejection.code} ${rejection.retryAfterMs}`),
      );
    });
    bucket.setLimit({ burst: 5 });
    await settle();
    const never = 'RATE_LIMITED Infinity';
    expect(outcomes).toEqual([never, undefined, never, undefined, never]);
    await clock.advance(10_000);
    expect(outcomes).toEqual([never, 'admitted', never, 'admitted', never]);
    expect(bucket.stats()).toMatchObject({ queued: 0, admitted: 3, rejected: 3 });
    expect(clock.pendingTimers).toBe(0);
  });
});
