import { type CallContext, compose, isRejected, type Policy } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type Budget,
  PerClientRateLimiter,
  type PerClientRateLimiterOptions,
  TokenBucket,
} from '../src/index.ts';
import { admits } from './admits.ts';

function limiterOf(options: Partial<PerClientRateLimiterOptions> = {}, startMs = 0) {
  const clock = new VirtualClock(startMs);
  return {
    clock,
    limiter: new PerClientRateLimiter({ rate: 10, burst: 2, clock, name: 'users', ...options }),
  };
}

describe('PerClientRateLimiter', () => {
  it('gives every client an allowance of its own, and forgets clients without a debt', () => {
    const { clock, limiter } = limiterOf({}, 12_345);
    expect([1, 2, 3].map(() => limiter.tryAcquire({ key: 'ann' }))).toEqual([true, true, false]);
    expect(limiter.retryAfterMs({ key: 'ann' })).toBe(100);
    expect(admits(limiter, { key: 'ann' })).toBe(false);
    expect(limiter.tryAcquire({ key: 'bob' })).toBe(true);
    expect(limiter.remaining('bob')).toBe(1);
    expect(limiter.remaining('eve')).toBe(2);
    expect(limiter.stats()).toMatchObject({ keys: 2, maxKeys: 100_000, admitted: 3, rejected: 1 });
    clock.advanceSync(200);
    expect(limiter.stats().keys).toBe(0);
    expect(limiter.remaining('ann')).toBe(2);
  });

  it('distinguishes never from not yet', () => {
    const { limiter } = limiterOf();
    for (const cost of [3, -1, Number.NaN]) {
      expect(limiter.tryAcquire({ key: 'ann', cost })).toBe(false);
      expect(limiter.retryAfterMs({ key: 'ann', cost })).toBe(Number.POSITIVE_INFINITY);
    }
    expect(limiter.maxCost({ key: 'ann' })).toBe(2);
    expect(limiter.remaining('ann')).toBe(2);
  });

  it('accepts a time that the caller has read', () => {
    const { limiter } = limiterOf();
    expect(limiter.tryAcquire({ key: 'ann', cost: 2 }, 50)).toBe(true);
    expect(limiter.tryAcquire({ key: 'ann', cost: 1 }, 149)).toBe(false);
    expect(limiter.tryAcquire({ key: 'ann', cost: 1 }, 20), 'time went backwards').toBe(false);
    expect(limiter.tryAcquire({ key: 'ann', cost: 1 }, 150)).toBe(true);
  });

  it('refunds, penalizes, blocks and resets one client', () => {
    const { clock, limiter } = limiterOf();
    limiter.tryAcquire({ key: 'ann', cost: 2 });
    limiter.refund({ key: 'ann', cost: 1 });
    expect(limiter.remaining('ann')).toBe(1);
    limiter.refund({ key: 'ann', cost: 100 });
    expect(limiter.remaining('ann')).toBe(2);
    limiter.penalty({ key: 'ann', cost: 5 });
    expect(limiter.retryAfterMs({ key: 'ann' })).toBe(400);
    limiter.reset('ann');
    expect(limiter.remaining('ann')).toBe(2);
    limiter.block('ann', 5000);
    clock.advanceSync(4999);
    expect(limiter.tryAcquire({ key: 'ann', cost: 0 })).toBe(false);
    expect(limiter.retryAfterMs({ key: 'ann', cost: 2 })).toBe(1);
    clock.advanceSync(1);
    expect(limiter.tryAcquire({ key: 'ann', cost: 2 })).toBe(true);
    expect(limiter.remaining('bob')).toBe(2);
    expect(() => limiter.refund({ key: 'ann', cost: -1 })).toThrow(RangeError);
    expect(() => limiter.penalty({ key: 'ann', cost: -1 })).toThrow(RangeError);
    expect(() => limiter.block('ann', -1)).toThrow(RangeError);
  });

  it('rejects with code, name and exact retryAfterMs', async () => {
    const { limiter } = limiterOf();
    await limiter.acquire({ key: 'ann', cost: 2 });
    const rejection = await limiter.acquire({ key: 'ann' }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', rejectedBy: 'users', retryAfterMs: 100 });
    expect(await limiter.acquire({ key: 'ann' }).catch((error) => error)).not.toBe(rejection);
    await expect(limiter.acquire({ key: 'ann', cost: 3 })).rejects.toThrow(RangeError);
    const signal = AbortSignal.abort('gone');
    expect(await limiter.acquire({ key: 'bob', signal }).catch((error) => error)).toMatchObject({
      code: 'CANCELLED',
    });
    expect(limiter.remaining('bob')).toBe(2);
  });

  it('executes for the key of the context, and as a policy for one client', async () => {
    const { limiter } = limiterOf();
    expect(await limiter.execute(() => 'done', { key: 'ann' })).toBe('done');
    const ctx = { cost: 1 };
    expect(await compose(limiter.client('ann')).execute((inner) => inner, ctx)).toBe(ctx);
    let started = false;
    const rejected = limiter.client('ann').execute(() => {
      started = true;
    });
    expect(isRejected(await rejected.catch((error) => error), 'RATE_LIMITED')).toBe(true);
    expect(started).toBe(false);
    const failure = new Error('of the caller');
    await expect(
      limiter.execute(
        () => {
          throw failure;
        },
        { key: 'bob' },
      ),
    ).rejects.toBe(failure);
    expectTypeOf(limiter.client('ann')).toExtend<Policy>();
    expectTypeOf(limiter.client('ann')).toExtend<Budget>();
    const cost = () => limiter.execute((inner: CallContext) => inner.cost, { key: 'ann' });
    expectTypeOf(cost).returns.resolves.toEqualTypeOf<number | undefined>();
  });

  it('makes one client a budget of its own', () => {
    const { limiter } = limiterOf();
    const ann = limiter.client('ann');
    expect(ann.tryAcquire({ cost: 2 })).toBe(true);
    expect([
      admits(ann),
      ann.retryAfterMs(),
      ann.retryAfterMs({}, 0, 5),
      ann.maxCost(),
      ann.name,
      ann.key,
    ]).toEqual([false, 100, 600, 2, 'users', 'ann']);
    ann.refund({ cost: 1 });
    expect(limiter.remaining('ann')).toBe(1);
  });

  it('charges a call to its client and to the parent, or to neither, and names the limit that rejects', async () => {
    const clock = new VirtualClock();
    const parent = new TokenBucket({ rate: 1, burst: 3, clock, name: 'everybody' });
    const { limiter } = limiterOf({ parent, clock });
    expect(limiter.tryAcquire({ key: 'ann', cost: 2 })).toBe(true);
    expect(limiter.tryAcquire({ key: 'ann', cost: 1 })).toBe(false);
    expect(parent.remaining()).toBe(1);
    expect(limiter.tryAcquire({ key: 'bob', cost: 2 })).toBe(false);
    expect(limiter.remaining('bob')).toBe(2);
    expect(limiter.retryAfterMs({ key: 'bob', cost: 2 })).toBe(1000);
    expect(admits(limiter, { key: 'bob', cost: 1 })).toBe(true);
    const rejections = ['ann', 'bob'].map((key) => limiter.acquire({ key, cost: 2 }).catch((error) => error));
    expect(await Promise.all(rejections)).toMatchObject([
      { rejectedBy: 'everybody', retryAfterMs: 1000 },
      { rejectedBy: 'everybody', retryAfterMs: 1000 },
    ]);
    expect(await limiter.acquire({ key: 'ann' }).catch((error) => error)).toMatchObject({
      rejectedBy: 'users',
      retryAfterMs: 100,
    });
    limiter.refund({ key: 'ann', cost: 2 });
    expect(parent.remaining()).toBe(3);
    parent.setLimit({ burst: 1 });
    expect(limiter.maxCost({ key: 'bob' })).toBe(1);
    await expect(limiter.acquire({ key: 'bob', cost: 2 })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      rejectedBy: 'everybody',
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    await expect(limiter.acquire({ key: 'bob', cost: 4 })).rejects.toThrow(RangeError);
  });

  it('admits the clients of the allow list, at no cost to the parent', () => {
    const clock = new VirtualClock();
    const parent = new TokenBucket({ rate: 1, burst: 1, clock });
    const { limiter } = limiterOf({ parent, clock, allow: ['monitor'] });
    for (let i = 0; i < 10; i++) expect(limiter.tryAcquire({ key: 'monitor', cost: 1000 })).toBe(true);
    expect([
      limiter.remaining('monitor'),
      limiter.maxCost({ key: 'monitor' }),
      limiter.retryAfterMs({ key: 'monitor', cost: 5 }),
    ]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]);
    limiter.refund({ key: 'monitor', cost: 5 });
    expect(parent.remaining()).toBe(1);
    expect(limiter.stats().keys).toBe(0);
  });

  it('admits every call in shadow mode, and counts the calls that it would have rejected', async () => {
    const { limiter } = limiterOf({ shadow: true });
    for (let i = 0; i < 5; i++) expect(limiter.tryAcquire({ key: 'ann' })).toBe(true);
    await limiter.acquire({ key: 'ann' });
    expect(admits(limiter, { key: 'ann' })).toBe(true);
    expect(limiter.stats()).toMatchObject({
      admitted: 2,
      rejected: 0,
      shadowed: 4,
      offenders: [{ key: 'ann', count: 4 }],
    });
  });

  it('never rejects at an infinite rate, and rejects every call at rate 0', async () => {
    const { limiter: open } = limiterOf({ rate: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 100; i++) expect(open.tryAcquire({ key: 'ann', cost: 1e9 })).toBe(true);
    open.block('ann', 100);
    expect(open.tryAcquire({ key: 'ann' })).toBe(false);
    const { clock, limiter: shut } = limiterOf({ rate: 0, burst: 5 });
    expect(shut.tryAcquire({ key: 'ann' })).toBe(false);
    expect(shut.retryAfterMs({ key: 'ann' })).toBe(Number.POSITIVE_INFINITY);
    expect(shut.remaining('ann')).toBe(0);
    const rejection = await shut.acquire({ key: 'ann' }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: Number.POSITIVE_INFINITY });
    clock.advanceSync(1e9);
    expect(shut.tryAcquire({ key: 'ann' })).toBe(false);
    shut.setLimit({ rate: 1 });
    expect(shut.tryAcquire({ key: 'ann' })).toBe(true);
  });

  it('admits no call after close', async () => {
    const { limiter } = limiterOf();
    await limiter.close();
    await limiter[Symbol.asyncDispose]();
    expect(limiter.tryAcquire({ key: 'ann' })).toBe(false);
    expect(limiter.retryAfterMs({ key: 'ann' })).toBe(Number.POSITIVE_INFINITY);
    expect(await limiter.acquire({ key: 'ann' }).catch((error) => error)).toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });
});
