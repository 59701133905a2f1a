import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { TokenBucket, type TokenBucketOptions } from '../src/index.ts';
import { admits } from './admits.ts';

function bucketOf(options: TokenBucketOptions, startMs = 0): { clock: VirtualClock; bucket: TokenBucket } {
  const clock = new VirtualClock(startMs);
  return { clock, bucket: new TokenBucket({ clock, ...options }) };
}

describe('TokenBucket', { timeout: 30_000 }, () => {
  it('admits the burst at once and then the rate, exactly', () => {
    const { clock, bucket } = bucketOf({ rate: 10, burst: 3 }, 12_345.678);
    expect([1, 2, 3, 4].map(() => bucket.tryAcquire())).toEqual([true, true, true, false]);
    const retryAfterMs = bucket.retryAfterMs();
    expect(retryAfterMs).toBeCloseTo(100, 9);
    expect(admits(bucket, {}, 12_345.678 + retryAfterMs - 1e-6)).toBe(false);
    clock.jumpTo(12_345.678 + retryAfterMs);
    expect(bucket.tryAcquire(), `at ${clock.now()}`).toBe(true);
    expect(bucket.tryAcquire(), `again at ${clock.now()}`).toBe(false);
  });

  it.each([
    [3, 3],
    [7, 7],
    [0.1, 5],
    [10_000, 10_000],
    [1e6, 1000],
  ])('admits the whole burst at a rate of %d that has no round interval', (rate, burst) => {
    for (const start of [0, 1e6 / 3, 1.7e12]) {
      const { bucket } = bucketOf({ rate, burst }, start);
      for (let i = 0; i < burst; i++)
        expect(bucket.tryAcquire(), `${i} of ${burst} from ${start}`).toBe(true);
      expect(bucket.tryAcquire()).toBe(false);
      expect(bucket.remaining()).toBe(0);
    }
  });

  it('has the tokens of one interval as its default burst, at least 1', () => {
    expect(bucketOf({ rate: 10 }).bucket.remaining()).toBe(10);
    expect(bucketOf({ rate: 1000, intervalMs: 3_600_000 }).bucket.remaining()).toBe(1000);
    expect(bucketOf({ rate: 0.2 }).bucket.remaining()).toBe(1);
  });

  it('takes fractions, and a cost of 0 takes nothing', () => {
    const { bucket } = bucketOf({ rate: 1, burst: 2 });
    expect(bucket.tryAcquire({ cost: 1.25 })).toBe(true);
    expect(bucket.remaining()).toBe(0.75);
    expect(bucket.tryAcquire({ cost: 0.8 })).toBe(false);
    expect(bucket.tryAcquire({ cost: 0.75 })).toBe(true);
    expect(bucket.tryAcquire({ cost: 0 })).toBe(true);
    expect(bucket.retryAfterMs({ cost: 0.5 })).toBe(500);
  });

  it('distinguishes never from not yet, and takes nothing for an invalid cost', () => {
    const { bucket } = bucketOf({ rate: 1, burst: 2 });
    for (const cost of [2.5, Number.POSITIVE_INFINITY, -1, Number.NaN]) {
      expect(bucket.tryAcquire({ cost }), `${cost}`).toBe(false);
      expect(admits(bucket, { cost }), `${cost}`).toBe(false);
      expect(bucket.retryAfterMs({ cost }), `${cost}`).toBe(Number.POSITIVE_INFINITY);
    }
    expect(bucket.remaining()).toBe(2);
    expect(bucket.maxCost()).toBe(2);
    bucket.tryAcquire({ cost: 2 });
    expect(bucket.retryAfterMs({ cost: 2 })).toBe(2000);
  });

  it('rejects at a time that is not a number', () => {
    const { bucket } = bucketOf({ rate: 1, burst: 1 });
    bucket.tryAcquire();
    expect(bucket.tryAcquire({}, Number.NaN)).toBe(false);
    expect(bucket.retryAfterMs()).toBe(1000);
  });

  it('computes retryAfterMs without taking anything', () => {
    const { bucket } = bucketOf({ rate: 1, burst: 1 });
    for (let i = 0; i < 5; i++) expect(admits(bucket)).toBe(true);
    expect(bucket.tryAcquire()).toBe(true);
    expect(admits(bucket)).toBe(false);
    expect(bucket.stats()).toMatchObject({ admitted: 1, rejected: 0 });
  });

  it('never rejects at an infinite rate, whatever the cost', async () => {
    const { bucket } = bucketOf({ rate: Number.POSITIVE_INFINITY, burst: 1 });
    for (let i = 0; i < 100; i++) expect(bucket.tryAcquire({ cost: 1e9 })).toBe(true);
    expect(bucket.remaining()).toBe(Number.POSITIVE_INFINITY);
    expect(bucket.retryAfterMs({ cost: 5 })).toBe(0);
    await bucket.acquire({ cost: 1e9 });
    bucket.block(100);
    expect(bucket.tryAcquire()).toBe(false);
    expect(bucket.retryAfterMs()).toBe(100);
  });

  it('grants the burst once at rate 0, and never again', async () => {
    const { clock, bucket } = bucketOf({ rate: 0, burst: 3 });
    expect(bucket.tryAcquire({ cost: 2 })).toBe(true);
    clock.advanceSync(1e12);
    expect(bucket.remaining()).toBe(1);
    expect(bucket.tryAcquire({ cost: 2 })).toBe(false);
    expect(bucket.retryAfterMs({ cost: 2 })).toBe(Number.POSITIVE_INFINITY);
    expect(bucket.tryAcquire()).toBe(true);
    const rejection = await bucket.acquire().catch((error) => error);
    expect(isRejected(rejection, 'RATE_LIMITED')).toBe(true);
    expect(rejection.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
    bucket.refund({ cost: 1 });
    expect(bucket.tryAcquire()).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives back unused tokens, and never more than a full bucket', () => {
    const { clock, bucket } = bucketOf({ rate: 1, burst: 5 });
    bucket.tryAcquire({ cost: 4 });
    bucket.refund({ cost: 3 });
    expect(bucket.remaining()).toBe(4);
    bucket.refund({ cost: 100 });
    expect(bucket.remaining()).toBe(5);
    bucket.tryAcquire({ cost: 1 });
    clock.advanceSync(10_000);
    bucket.refund({ cost: 1 });
    expect(bucket.remaining()).toBe(5);
    for (let i = 0; i < 5; i++) expect(bucket.tryAcquire()).toBe(true);
    expect(bucket.tryAcquire()).toBe(false);
  });

  it('takes a penalty, which may exceed the burst, and can be blocked', () => {
    const { clock, bucket } = bucketOf({ rate: 1, burst: 5 });
    bucket.penalty({ cost: 8 });
    expect(bucket.remaining()).toBe(0);
    expect(bucket.retryAfterMs()).toBe(4000);
    bucket.reset();
    expect(bucket.remaining()).toBe(5);
    bucket.block(60_000);
    expect(bucket.retryAfterMs({ cost: 0.001 })).toBe(60_000);
    clock.advanceSync(59_999);
    expect(bucket.tryAcquire({ cost: 0.001 })).toBe(false);
    clock.advanceSync(1);
    expect(bucket.tryAcquire({ cost: 5 })).toBe(true);
    expect(bucket.tryAcquire()).toBe(false);
    for (const act of [
      () => bucket.penalty({ cost: -1 }),
      () => bucket.refund({ cost: -1 }),
      () => bucket.block(Number.NaN),
    ]) {
      expect(act).toThrow(RangeError);
    }
  });

  it('admits every call in shadow mode, and counts the calls that it would have rejected', async () => {
    const { bucket } = bucketOf({ rate: 1, burst: 2, shadow: true });
    for (let i = 0; i < 5; i++) expect(bucket.tryAcquire()).toBe(true);
    expect(admits(bucket)).toBe(true);
    expect(bucket.retryAfterMs()).toBe(0);
    await bucket.acquire();
    await bucket.acquire({ cost: 100 });
    expect(bucket.stats()).toMatchObject({ admitted: 2, rejected: 0, shadowed: 5, remaining: 0, queued: 0 });
    await bucket.close();
    expect(bucket.tryAcquire()).toBe(false);
  });

  it('can be restored from a snapshot', () => {
    const { clock, bucket } = bucketOf({ rate: 2, burst: 10 });
    bucket.tryAcquire({ cost: 9 });
    clock.advanceSync(500);
    const snapshot = JSON.parse(JSON.stringify(bucket.snapshot()));
    expect(snapshot).toEqual({ spent: 8 });
    const { bucket: next } = bucketOf({ rate: 2, burst: 10 }, 777);
    next.restore(snapshot);
    expect(next.remaining()).toBe(2);
    next.restore(snapshot, 1500);
    expect(next.remaining()).toBe(5);
    next.restore(snapshot, 1e9);
    expect(next.remaining()).toBe(10);
    expect(() => next.restore({ spent: -1 })).toThrow(RangeError);
    expect(() => next.restore({ spent: Number.NaN })).toThrow(RangeError);
    expect(() => next.restore(snapshot, -1)).toThrow(RangeError);
    const misspelt = { spent: 1, blockedForMS: 1000 };
    expect(() => next.restore(misspelt)).toThrow('snapshot.blockedForMs');
    expect(next.remaining()).toBe(10);
  });
});

describe('TokenBucket.setLimit', () => {
  it('keeps the spent tokens: neither a new rate nor a new burst fills the bucket', () => {
    const { clock, bucket } = bucketOf({ rate: 10, burst: 10 });
    bucket.tryAcquire({ cost: 10 });
    bucket.setLimit({ rate: 1 });
    expect(bucket.remaining()).toBe(0);
    expect(bucket.retryAfterMs()).toBe(1000);
    bucket.setLimit({ rate: 100, burst: 50 });
    expect(bucket.remaining()).toBe(40);
    bucket.setLimit({ burst: 5 });
    expect(bucket.remaining()).toBe(0);
    expect(bucket.retryAfterMs()).toBeCloseTo(60, 9);
    clock.advanceSync(60);
    expect(bucket.tryAcquire()).toBe(true);
    expect(bucket.stats()).toMatchObject({ rate: 100, intervalMs: 1000, burst: 5 });
  });

  it('stops time at rate 0 and starts it again', () => {
    const { clock, bucket } = bucketOf({ rate: 10, burst: 10 });
    bucket.tryAcquire({ cost: 10 });
    clock.advanceSync(500);
    bucket.setLimit({ rate: 0 });
    clock.advanceSync(1e9);
    expect(bucket.remaining()).toBe(5);
    bucket.setLimit({ rate: 10 });
    expect(bucket.remaining()).toBe(5);
    clock.advanceSync(100);
    expect(bucket.remaining()).toBe(6);
  });

  it('changes to an infinite rate and back', () => {
    const { bucket } = bucketOf({ rate: 10, burst: 10 });
    bucket.setLimit({ rate: Number.POSITIVE_INFINITY });
    expect(bucket.tryAcquire({ cost: 1000 })).toBe(true);
    bucket.setLimit({ rate: 4 });
    expect(bucket.remaining()).toBe(4);
    bucket.setLimit({ rate: Number.POSITIVE_INFINITY });
    bucket.setLimit({ rate: 4, burst: 2 });
    expect(bucket.remaining()).toBe(2);
  });

  it('changes nothing if an option is wrong', () => {
    const { bucket } = bucketOf({ rate: 10, burst: 10 });
    expect(() => bucket.setLimit({ rate: 5, burst: 0 })).toThrow(/burst/);
    expect(() => bucket.setLimit({ rate: -1 })).toThrow(/rate/);
    expect(bucket.stats()).toMatchObject({ rate: 10, burst: 10 });
  });

  it('serves waiters at once when it gets faster, and later when it gets slower', async () => {
    const { clock, bucket } = bucketOf({ rate: 1, burst: 1 });
    bucket.tryAcquire();
    const served: number[] = [];
    for (let i = 0; i < 3; i++) bucket.acquire().then(() => served.push(clock.now()));
    await clock.advance(500);
    bucket.setLimit({ rate: 10 });
    await clock.advance(50);
    expect(served).toEqual([550]);
    bucket.setLimit({ rate: 0.1 });
    await clock.advance(9_999);
    expect(served).toEqual([550]);
    await clock.advance(1);
    expect(served).toEqual([550, 10_550]);
    bucket.setLimit({ rate: 0 });
    await clock.advance(1e9);
    expect(served).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
    bucket.setLimit({ rate: 1000 });
    await clock.advance(1);
    expect(served).toHaveLength(3);
  });

  it('lets a close end that waited for a call that has become impossible, and leaves no timer', async () => {
    const { clock, bucket } = bucketOf({ rate: 10, burst: 10 });
    bucket.tryAcquire({ cost: 10 });
    const large = bucket.acquire({ cost: 8 });
    const closed = bucket.close();
    bucket.setLimit({ burst: 5 });
    await expect(large).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects waiting calls whose cost has become impossible, and serves the calls behind them', async () => {
    const { clock, bucket } = bucketOf({ rate: 10, burst: 10 });
    bucket.tryAcquire({ cost: 10 });
    const large = bucket.acquire({ cost: 8 });
    const small = bucket.acquire({ cost: 1 });
    bucket.setLimit({ burst: 5 });
    await expect(large).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    await clock.advance(600);
    await small;
    expect(bucket.stats()).toMatchObject({ queued: 0, rejected: 1 });
    expect(clock.pendingTimers).toBe(0);
  });
});
