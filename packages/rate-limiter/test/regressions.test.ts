import type { CallContext } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { AllOf, ipKey, LeakyBucketShaper, PerClientRateLimiter, TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';

const DAY_MS = 86_400_000;

describe('defects of other limiters that must not come back', { timeout: 30_000 }, () => {
  it('rate-limiter-flexible: a window above 2^31 - 1 ms is not enforced. Here a month is a month.', () => {
    const clock = new VirtualClock();
    const month = { rate: 1, intervalMs: 30 * DAY_MS, clock };
    const bucket = new TokenBucket(month);
    const perClient = new PerClientRateLimiter(month);
    for (const tryAcquire of [() => bucket.tryAcquire(), () => perClient.tryAcquire({ key: 'ann' })]) {
      clock.jumpTo(0);
      expect(tryAcquire()).toBe(true);
      for (const at of [20, 2 ** 31, 30 * DAY_MS - 1]) {
        clock.jumpTo(at);
        expect(tryAcquire(), `at ${at}`).toBe(false);
      }
      clock.jumpTo(30 * DAY_MS);
      expect(tryAcquire()).toBe(true);
    }
  });

  it('rate-limiter-flexible: a cost of 0.9 is truncated to 0. Here three of them are 2.7.', () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 2.5, clock: new VirtualClock() });
    expect([1, 2, 3].map(() => limiter.tryAcquire({ key: 'ann', cost: 0.9 }))).toEqual([true, true, false]);
    expect(limiter.remaining('ann')).toBe(0.7);
  });

  it('rate-limiter-flexible, fixed windows: a rejected call still burns the budget. Here a rejection takes nothing.', () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 5, clock: new VirtualClock() });
    for (let i = 0; i < 100; i++) {
      expect(limiter.tryAcquire({ key: 'ann', cost: 6 })).toBe(false);
      expect(limiter.tryAcquire({ key: 'bob', cost: 100 })).toBe(false);
    }
    expect([limiter.remaining('ann'), limiter.remaining('bob')]).toEqual([5, 5]);
  });

  it('rate-limiter-flexible, Union: one limit is charged although another rejects. Here it is all or none.', () => {
    const clock = new VirtualClock();
    const wide = new TokenBucket({ rate: 100, clock });
    const narrow = new TokenBucket({ rate: 1, clock });
    const both = new AllOf({ limits: [wide, narrow], clock });
    for (let i = 0; i < 10; i++) both.tryAcquire();
    expect(wide.remaining()).toBe(99);
  });

  it('rate-limiter-flexible, Redis: a window below a second never expires. Here it takes its milliseconds.', () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 2, intervalMs: 50, clock });
    bucket.tryAcquire({ cost: 2 });
    clock.advanceSync(25);
    expect(bucket.tryAcquire()).toBe(true);
    expect(bucket.tryAcquire()).toBe(false);
  });

  it('rate-limiter-flexible: a timer for every key, queues per key that are never removed. Here keys leave nothing.', () => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 10, clock, maxKeys: 50_000 });
    const { bytes } = limiter.stats();
    for (let i = 0; i < 5000; i++) limiter.tryAcquire({ key: `one shot ${i}` });
    expect(clock.pendingTimers).toBe(0);
    expect(limiter.stats()).toMatchObject({ bytes, keys: 5000 });
    clock.advanceSync(100);
    expect(limiter.stats()).toMatchObject({ bytes, keys: 0 });
  });

  it('@fastify/rate-limit: the LRU cache lifts the ban of an evicted client. Here a thousand other clients change nothing.', () => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 2, maxKeys: 3, clock });
    limiter.block('victim', 60_000);
    for (let i = 0; i < 1000; i++) limiter.tryAcquire({ key: `one-time ${i}` });
    expect(limiter.tryAcquire({ key: 'victim' })).toBe(false);
    expect(limiter.retryAfterMs({ key: 'victim' })).toBe(60_000);
  });

  it('express-rate-limit, upstash: memory grows with every key. Here it stays constant.', () => {
    const limiter = new PerClientRateLimiter({
      rate: 1e-9,
      burst: 1,
      maxKeys: 100,
      clock: new VirtualClock(),
    });
    const { bytes } = limiter.stats();
    for (let i = 0; i < 100_000; i++) limiter.tryAcquire({ key: `${i}` });
    expect(limiter.stats().bytes).toBe(bytes);
    expect(limiter.stats().keys).toBeLessThanOrEqual(128);
  });

  it('effect: waiters that are interrupted do not give their tokens back. Here the next call does not wait for them.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 5, burst: 1, clock });
    bucket.tryAcquire();
    const controller = new AbortController();
    const waiters = Array.from({ length: 5 }, () =>
      bucket.acquire({ signal: controller.signal }).catch(() => 'left'),
    );
    expect(bucket.retryAfterMs()).toBe(1200);
    controller.abort();
    await Promise.all(waiters);
    expect(bucket.retryAfterMs()).toBe(200);
    expect(bucket.stats()).toMatchObject({ queued: 0, rejected: 5 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('limiter: waiters are not bounded, cannot be cancelled, and tryRemoveTokens overtakes them. Here none of it.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 1, burst: 1, maxQueue: 2, clock });
    bucket.tryAcquire();
    const { signal } = new AbortController();
    const waiters = [bucket.acquire({ signal }), bucket.acquire({ signal })];
    // One with a signal counts like one without.
    await expect(bucket.acquire({ signal })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 3000,
    });
    clock.jumpTo(1000);
    expect(bucket.tryAcquire(), 'the token belongs to the first waiter').toBe(false);
    await clock.advance(1000);
    await Promise.all(waiters);
  });

  it('cockatiel: a call that was accepted to wait is rejected because a new call took its place. Here it is served.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, burst: 1, maxQueue: 1, clock });
    await bucket.execute(() => {});
    const accepted = bucket.execute(() => 'served');
    let overtaken = 0;
    const hook = clock.setTimer(() => (overtaken += bucket.tryAcquire() ? 1 : 0), 100);
    await clock.advance(100);
    hook.cancel();
    expect(await accepted).toBe('served');
    expect(overtaken).toBe(0);
  });

  it('cockatiel: an aborted waiter keeps its place. Here its place is free at once.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 1, burst: 1, maxQueue: 1, clock });
    bucket.tryAcquire();
    const controller = new AbortController();
    const aborted = bucket.acquire({ signal: controller.signal }).catch((error) => error);
    controller.abort();
    const next = bucket.acquire();
    expect(await aborted).toMatchObject({ code: 'CANCELLED' });
    await clock.advance(1000);
    await next;
  });

  it('piscina: a call with a signal goes past the bound, a rejected one runs anyway. Here neither.', async () => {
    const clock = new VirtualClock();
    const shaper = new LeakyBucketShaper({ rate: 1, capacity: 2, clock });
    let ran = 0;
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, () =>
      shaper.execute(() => ran++, { signal }).catch((error) => error.code),
    );
    await clock.advance(60_000);
    expect(ran).toBe(3);
    expect((await Promise.all(calls)).filter((code) => code === 'QUEUE_FULL')).toHaveLength(47);
  });

  it('@tanstack/pacer: concurrent callers get the result of the last one. Here each gets its own.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, burst: 1, clock });
    const results = [1, 2, 3].map((n) => bucket.execute(() => n));
    await clock.advance(1000);
    expect(await Promise.all(results)).toEqual([1, 2, 3]);
  });

  it('@tanstack/pacer: 200 000 calls in a window are a RangeError. Here a million are a number.', () => {
    const bucket = new TokenBucket({ rate: 1e6, clock: new VirtualClock() });
    let admitted = 0;
    for (let i = 0; i < 1_000_100; i++) if (bucket.tryAcquire()) admitted++;
    expect(admitted).toBe(1e6);
  });

  it('fastq, p-limit: clearing leaves promises pending for ever. Here close settles every one.', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 1e-9, burst: 1, clock });
    bucket.tryAcquire();
    const waiters = [bucket.acquire(), bucket.execute(() => {})].map((waiter) =>
      waiter.catch((error) => error.code),
    );
    await bucket.close({ withinMs: 0 });
    expect(await Promise.all(waiters)).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('async-sema: giving back too much grows the capacity. Here a full bucket stays full.', () => {
    const bucket = new TokenBucket({ rate: 1, burst: 1, clock: new VirtualClock() });
    bucket.refund();
    bucket.refund({ cost: 50 });
    expect([bucket.tryAcquire(), bucket.tryAcquire()]).toEqual([true, false]);
  });

  it('.NET: RetryAfter divides integers and comes out too short. Here it is the first instant of admission.', () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 3, intervalMs: 1000, burst: 10, clock });
    bucket.tryAcquire({ cost: 10 });
    const wait = bucket.retryAfterMs({ cost: 5 });
    expect(wait).toBeCloseTo(5000 / 3, 9);
    expect(admits(bucket, { cost: 5 }, wait - 1e-6)).toBe(false);
    expect(admits(bucket, { cost: 5 }, wait)).toBe(true);
  });

  it('times since 1970 lose 2.3 % at a million a second to rounding. Here time counts from the start.', () => {
    const clock = new VirtualClock(1.7e12);
    const bucket = new TokenBucket({ rate: 1e6, burst: 1e6, clock });
    for (let i = 0; i < 1e6; i++) bucket.tryAcquire();
    expect(bucket.retryAfterMs({ cost: 1e6 })).toBeCloseTo(1000, 3);
  });

  it('fixed windows admit twice the limit at their edge. Here no window does.', () => {
    const clock = new VirtualClock(59_999);
    const bucket = new TokenBucket({ rate: 10, intervalMs: 60_000, clock });
    let admitted = 0;
    for (let i = 0; i < 20; i++) if (bucket.tryAcquire()) admitted++;
    clock.advanceSync(2);
    for (let i = 0; i < 20; i++) if (bucket.tryAcquire()) admitted++;
    expect(admitted).toBe(10);
  });

  it('`__proto__`, empty, huge and strange keys are clients like any other', () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 1, clock: new VirtualClock() });
    const megabyte = 'k'.repeat(2 ** 20);
    const keys = [
      '__proto__',
      'constructor',
      'toString',
      '',
      '\0',
      '\ud800',
      'é',
      'e\u0301',
      megabyte,
      `${megabyte}k`,
      'a',
      'b',
    ];
    for (const key of keys) expect(limiter.tryAcquire({ key }), key.slice(0, 20)).toBe(true);
    for (const key of keys) expect(limiter.tryAcquire({ key }), key.slice(0, 20)).toBe(false);
  });

  it('a key that is not a string is rejected, instead of an exception in the middle of a request', async () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 1, clock: new VirtualClock() });
    for (const key of [5, ['a', 'b'], Symbol('s'), { toString: () => 'ann' }]) {
      const ctx = { key } as unknown as CallContext;
      expect(limiter.tryAcquire(ctx)).toBe(false);
      expect(limiter.check(ctx)).toMatchObject({ code: 'RATE_LIMITED' });
      expect(limiter.retryAfterMs(ctx)).toBe(Number.POSITIVE_INFINITY);
      await expect(limiter.acquire(ctx)).rejects.toThrow(TypeError);
    }
    expect(limiter.stats()).toMatchObject({ keys: 0, admitted: 0, rejected: 4 });
  });

  it('rotating addresses inside a /64 makes new clients. Here it is one, with its IPv4 spellings folded too.', () => {
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 3, clock: new VirtualClock() });
    let admitted = 0;
    for (let i = 0; i < 1000; i++)
      if (limiter.tryAcquire({ key: ipKey(`2001:db8::${i.toString(16)}`) })) admitted++;
    expect(admitted).toBe(3);
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'])
      limiter.tryAcquire({ key: ipKey(address) });
    expect(limiter.tryAcquire({ key: ipKey('192.0.2.1') })).toBe(false);
  });
});
