import { type CallContext, compose, type Policy, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  AllOf,
  type Budget,
  LeakyBucket,
  LeakyBucketShaper,
  PerClientRateLimiter,
  TokenBucket,
} from '../src/index.ts';

function limiters(maxQueue: number) {
  const clock = new VirtualClock();
  const options = { rate: 10, clock, name: 'it' };
  return {
    clock,
    TokenBucket: new TokenBucket({ ...options, burst: 1, maxQueue }),
    LeakyBucket: new LeakyBucket({ ...options, capacity: 1, maxQueue }),
    LeakyBucketShaper: new LeakyBucketShaper({ ...options, capacity: 1, maxQueue }),
    AllOf: new AllOf({ limits: [new TokenBucket({ ...options, burst: 1 })], maxQueue, clock, name: 'all' }),
    PerClientRateLimiter: new PerClientRateLimiter({ ...options, burst: 1 }),
  };
}

const NAMES = ['TokenBucket', 'LeakyBucket', 'LeakyBucketShaper', 'AllOf', 'PerClientRateLimiter'] as const;
const ANN: CallContext = { key: 'ann' };

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const fieldsOf = (error: unknown) => {
  const { code, rejectedBy, retryAfterMs, cause } = error as RejectedError;
  return { code, rejectedBy, retryAfterMs, cause };
};

describe.each(NAMES)('%s', (name) => {
  it('check returns the rejection that acquire rejects with, and counts nothing', async () => {
    const { clock, [name]: limiter } = limiters(0);
    expect(limiter.check(ANN)).toBeUndefined();
    await limiter.acquire(ANN);
    const contexts: CallContext[] = [
      ANN,
      { ...ANN, deadline: 1e6 },
      { ...ANN, deadline: 0 },
      { ...ANN, signal: AbortSignal.abort('gone') },
    ];
    for (const ctx of contexts) {
      const rejection = limiter.check(ctx);
      expect(rejection).toBeInstanceOf(RejectedError);
      expect(fieldsOf(await errorOf(limiter.acquire(ctx)))).toEqual(fieldsOf(rejection));
    }
    expect(limiter.stats()).toMatchObject({ admitted: 1, rejected: contexts.length });
    clock.advanceSync(100);
    expect(limiter.check(ANN)).toBeUndefined();
  });

  it('tryAcquire rejects a call that is over, and never throws', async () => {
    const { [name]: limiter } = limiters(0);
    const wrong = { deadline: 'soon' as unknown as number };
    const contexts: CallContext[] = [
      { deadline: 0 },
      { deadline: Number.NaN },
      { deadline: Date.now() * 1000 },
      { signal: AbortSignal.abort() },
      { onDone: () => () => {}, doneReason: 'gone' },
      wrong,
    ];
    for (const ctx of contexts) {
      expect(limiter.tryAcquire({ ...ANN, ...ctx })).toBe(false);
      expect(limiter.check({ ...ANN, ...ctx })).toBeInstanceOf(RejectedError);
    }
    expect(limiter.tryAcquire(ANN), 'nothing was taken').toBe(true);
    await expect(limiter.acquire({ ...ANN, deadline: Number.NaN })).rejects.toThrow(RangeError);
    await expect(limiter.acquire({ ...ANN, ...wrong })).rejects.toThrow(TypeError);
  });

  it('notifies onRejected of every rejection once, at arrival, while waiting and on close', async () => {
    const { clock, [name]: limiter } = limiters(1);
    const seen: string[] = [];
    const stop = limiter.onRejected(({ code, rejectedBy }) => seen.push(`${code} by ${rejectedBy}`));
    const waits = name !== 'PerClientRateLimiter';
    await limiter.acquire(ANN);
    expect(limiter.tryAcquire(ANN)).toBe(false);
    const controller = new AbortController();
    const waiter = errorOf(limiter.acquire({ ...ANN, signal: controller.signal }));
    await errorOf(limiter.acquire({ ...ANN, deadline: clock.now() }));
    controller.abort();
    await waiter;
    const last = errorOf(limiter.acquire(ANN));
    await limiter.close({ withinMs: 0 });
    await last;
    await errorOf(limiter.acquire(ANN));
    const limited = 'RATE_LIMITED by it';
    const all = name === 'AllOf' ? 'all' : 'it';
    expect(seen).toEqual([
      limited,
      ...(waits ? [] : [limited]),
      `DEADLINE_EXCEEDED by ${all}`,
      ...(waits ? [`CANCELLED by ${all}`, `SHUTTING_DOWN by ${all}`] : [limited]),
      `SHUTTING_DOWN by ${all}`,
    ]);
    expect(limiter.stats()).toMatchObject({ admitted: 1, rejected: seen.length });
    stop();
    limiter.tryAcquire(ANN);
    expect(seen).toHaveLength(5);
  });

  it('is a policy without a cast: what fn receives is the context of the call', async () => {
    const { [name]: limiter } = limiters(0);
    expectTypeOf(limiter).toExtend<Policy>();
    expectTypeOf(limiter).toExtend<Budget>();
    const ctx = { key: 'ann', priority: 3, extra: 'field' };
    expect(await compose(limiter).execute((inner) => inner, ctx)).toBe(ctx);
  });

  it('close names a wrong option and then does not close', async () => {
    const { [name]: limiter } = limiters(0);
    await expect(limiter.close({ deadline: 5 } as object)).rejects.toThrow(/unknown option deadline/);
    await expect(limiter.close({ withinMs: -1 })).rejects.toThrow(RangeError);
    expect(limiter.tryAcquire(ANN)).toBe(true);
  });
});

describe('the key of a call', () => {
  it('selects the client, through compose and AllOf', async () => {
    const clock = new VirtualClock();
    const users = new PerClientRateLimiter({ rate: 1, burst: 1, clock });
    const all = new AllOf({ limits: [users], maxQueue: 0, clock });
    const policy = compose(all, users);
    await expect(policy.execute(() => 'done', { key: 'ann' })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(users.remaining('ann')).toBe(0);
    expect(users.remaining('bob')).toBe(1);
  });

  it('is shared by all calls without one', () => {
    const users = new PerClientRateLimiter({ rate: 1, burst: 2, clock: new VirtualClock() });
    expect([users.tryAcquire(), users.tryAcquire({}), users.tryAcquire({ key: undefined })]).toEqual([
      true,
      true,
      false,
    ]);
    expect(users.tryAcquire({ key: 'undefined' })).toBe(true);
  });

  it('is fixed for one client, whatever the context says', async () => {
    const users = new PerClientRateLimiter({ rate: 1, burst: 1, clock: new VirtualClock() });
    const ann = users.client('ann');
    await ann.execute(() => {}, { key: 'bob' });
    expect([users.remaining('ann'), users.remaining('bob')]).toEqual([0, 1]);
  });
});
