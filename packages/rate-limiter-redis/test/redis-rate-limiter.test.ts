import { type CallContext, compose, type Policy } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { RedisRateLimiter } from '../src/index.ts';
import { limiterOf } from './limiter.ts';

async function admittedOf(limiter: RedisRateLimiter, calls: number, ctx: CallContext): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: calls }, () => limiter.acquire(ctx)));
  return results.filter(({ status }) => status === 'fulfilled').length;
}

describe('RedisRateLimiter', () => {
  it('keeps limiters of different names apart, whatever names and keys contain', async () => {
    const { clock, store } = limiterOf();
    const storeKeys = new Set<string>();
    const pairs = [
      ['login', 'ip:1'],
      ['login:ip', '1'],
      ['login', '#1'],
      ['login#', '1'],
      ['login%3A', 'ip:1'],
      ['api', 'ip:1'],
    ] as const;
    for (const [name, key] of pairs) {
      const limiter = new RedisRateLimiter({ client: store, clock, name, rate: 1, mode: 'strict' });
      // Each has its own token.
      await limiter.acquire({ key });
      for (const storeKey of store.keys) storeKeys.add(storeKey);
    }
    expect(storeKeys.size).toBe(pairs.length);
  });

  it('shares a limit between limiters of one name', async () => {
    const { clock, store } = limiterOf();
    const options = { client: store, clock, rate: 1, intervalMs: 60_000, mode: 'strict' } as const;
    await new RedisRateLimiter(options).acquire({ key: 'a' });
    await expect(new RedisRateLimiter(options).acquire({ key: 'a' })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      rejectedBy: 'redis-rate-limiter',
      retryAfterMs: 60_000,
    });
  });

  it('takes keys of any length: a long key has its own limit, which no short key can reach', async () => {
    const { store, limiter } = limiterOf({ mode: 'strict', burst: 2 });
    const long = 'x'.repeat(100_000);
    expect(await admittedOf(limiter, 5, { key: long })).toBe(2);
    expect(await admittedOf(limiter, 5, { key: `${long}y` })).toBe(2);
    const [storeKey = ''] = store.keys;
    expect(storeKey.length).toBeLessThan(200);
    const [, digest = ''] = storeKey.split('#');
    expect(await admittedOf(limiter, 5, { key: digest })).toBe(2);
    expect(await admittedOf(limiter, 5, { key: `#${digest}` })).toBe(2);
    expect(limiter.stats().store).toBe('available');
  });

  it('counts calls without a key as one client', async () => {
    const { limiter } = limiterOf({ mode: 'strict', burst: 3 });
    expect(await admittedOf(limiter, 5, {})).toBe(3);
    expect(await admittedOf(limiter, 5, { key: '' })).toBe(0);
    expect(await admittedOf(limiter, 5, { key: 'own' })).toBe(3);
  });

  it('rejects wrong costs and keys as errors of the caller, without a round trip', async () => {
    const { store, limiter } = limiterOf({ mode: 'strict', burst: 2 });
    await expect(limiter.acquire({ cost: 3 })).rejects.toThrow(
      new RangeError('cost must be above 0 and at most 2, got 3'),
    );
    await expect(limiter.acquire({ cost: 0 })).rejects.toThrow(RangeError);
    await expect(limiter.acquire({ cost: Number.NaN })).rejects.toThrow(RangeError);
    await expect(limiter.acquire({ cost: '1' as never })).rejects.toThrow(TypeError);
    await expect(limiter.acquire({ key: 7 as never })).rejects.toThrow(
      new TypeError('key must be a string, got a value of type number'),
    );
    expect(store.commands).toBe(0);
    expect(limiter.stats().rejected).toBe(0);
  });

  it('decides a burst of calls in one round trip, heavy and light ones each on their own', async () => {
    const { store, limiter } = limiterOf({ burst: 20 });
    // 15 + 2 + 3; what does not fit in between is skipped.
    const costs = [15, 10, 2, 10, 3, 1];
    const results = await Promise.allSettled(costs.map((cost) => limiter.acquire({ key: 'a', cost })));
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(store.commands).toBe(1);
  });

  it('decides from memory while the store has nothing, with the time of the next token', async () => {
    const { clock, store, limiter } = limiterOf({ burst: 1 });
    await limiter.acquire({ key: 'a' });
    const { commands } = store;
    await clock.advance(500);
    await expect(limiter.acquire({ key: 'a' })).rejects.toMatchObject({ retryAfterMs: 59_500 });
    expect(store.commands).toBe(commands);
    await clock.advance(59_500);
    await limiter.acquire({ key: 'a' });
  });

  it('sees within a second that the store was reset', async () => {
    const { clock, store, limiter } = limiterOf({ burst: 1 });
    await limiter.acquire({ key: 'a' });
    store.flush();
    await expect(limiter.acquire({ key: 'a' })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await clock.advance(1000);
    await limiter.acquire({ key: 'a' });
  });

  it('implements Policy: it composes, and hands the context on', async () => {
    const { limiter } = limiterOf({ mode: 'strict', burst: 1 });
    const policy: Policy = compose(limiter);
    const ctx: CallContext = { key: 'a', priority: 3 };
    expect(await policy.execute((inner) => inner.priority, ctx)).toBe(3);
    await expect(policy.execute(() => 'never', ctx)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('rejects a call that is over, and one that is cancelled or expires while the store is asked', async () => {
    const { clock, store, limiter } = limiterOf({ mode: 'strict' });
    await expect(limiter.acquire({ deadline: 0 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(limiter.acquire({ deadline: 1e15 })).rejects.toThrow(RangeError);
    store.latencyMs = () => 50;
    const controller = new AbortController();
    const cancelled = limiter.acquire({ signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    const late = limiter.acquire({ deadline: 20 });
    const expectation = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await clock.advance(200);
    await expectation;
    expect(clock.pendingTimers).toBe(0);
    expect(limiter.stats()).toMatchObject({ queued: 0, rejected: 3, admitted: 0 });
  });

  it('keeps what was debited for a cancelled call', async () => {
    const { clock, store, limiter } = limiterOf({ burst: 4, leaseMs: 120_000 });
    store.latencyMs = () => 50;
    const controller = new AbortController();
    const cancelled = limiter.acquire({ key: 'a', cost: 2, signal: controller.signal }).catch(() => {});
    await clock.advance(10);
    controller.abort();
    await clock.advance(100);
    await cancelled;
    expect(limiter.tryAcquire({ key: 'a', cost: 2 })).toBe(true);
  });

  it('rejects calls above maxQueue with QUEUE_FULL', async () => {
    const { clock, store, limiter } = limiterOf({ maxQueue: 3 });
    store.latencyMs = () => 10;
    const calls = Promise.allSettled(Array.from({ length: 5 }, () => limiter.acquire({ key: 'a' })));
    expect(limiter.stats().queued).toBe(3);
    await clock.advance(100);
    const codes = (await calls).map((result) =>
      result.status === 'rejected' ? result.reason.code : 'admitted',
    );
    expect(codes).toEqual(['admitted', 'admitted', 'admitted', 'QUEUE_FULL', 'QUEUE_FULL']);
    expect(limiter.stats().queued).toBe(0);
  });

  it('holds the state of at most maxKeys keys, and lets the store decide the others', async () => {
    const { limiter } = limiterOf({ burst: 2, maxKeys: 3 });
    for (let i = 0; i < 20; i++) await limiter.acquire({ key: `many-${i}` });
    expect(limiter.stats().keys).toBe(3);
    // One token of two is left for each, whether its state is held or not.
    for (let i = 0; i < 20; i++) await limiter.acquire({ key: `many-${i}` });
    for (let i = 0; i < 20; i++) {
      await expect(limiter.acquire({ key: `many-${i}` })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    }
  });

  it('forgets keys that were not used for a second', async () => {
    const { clock, limiter } = limiterOf({ burst: 10, maxKeys: 3 });
    for (let i = 0; i < 3; i++) await limiter.acquire({ key: `early-${i}` });
    await clock.advance(1000);
    for (let i = 0; i < 3; i++) await limiter.acquire({ key: `late-${i}` });
    expect(limiter.stats().keys).toBe(3);
    const { roundTrips } = limiter.stats();
    for (let i = 0; i < 20; i++) await limiter.acquire({ key: 'late-0' }).catch(() => {});
    // Its state is held: nine of these calls are admitted, the others are rejected from memory.
    expect(limiter.stats().roundTrips - roundTrips).toBe(9);
  });

  describe('close', () => {
    it('lets waiting calls finish and rejects new ones', async () => {
      const { clock, store, limiter } = limiterOf();
      store.latencyMs = () => 20;
      const waiting = limiter.acquire({ key: 'a' });
      const closed = limiter.close();
      await expect(limiter.acquire({ key: 'a' })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      await clock.advance(40);
      await waiting;
      await closed;
      expect(clock.pendingTimers).toBe(0);
    });

    it('rejects waiting calls when its time is up', async () => {
      const { clock, store, limiter } = limiterOf();
      store.latencyMs = () => 200;
      const waiting = expect(limiter.acquire({ key: 'a' })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      const closed = limiter.close({ withinMs: 50 });
      await clock.advance(50);
      await closed;
      await waiting;
      await expect(limiter.close({ withinMs: -1 })).rejects.toThrow(RangeError);
      await expect(limiter.close({ deadline: 50 } as never)).rejects.toThrow(/unknown option deadline/);
    });
  });

  it('notifies of each rejection once', async () => {
    const { limiter } = limiterOf({ burst: 2 });
    const codes: string[] = [];
    const stop = limiter.onRejected(({ code }) => codes.push(code));
    await admittedOf(limiter, 5, { key: 'a' });
    stop();
    await admittedOf(limiter, 5, { key: 'a' });
    expect(codes).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(limiter.stats()).toMatchObject({ admitted: 2, rejected: 8 });
  });
});

describe('a rejection', () => {
  it('never carries 0 ms, also when a lease expires while the store is asked for the rest of a cost', async () => {
    const { clock, store, limiter } = limiterOf({ rate: 100, intervalMs: 1000, burst: 100, leaseMs: 200 });
    limiter.tryAcquire({ key: 'a', cost: 2 });
    await clock.advance(100);
    store.latencyMs = () => 100;
    const call = limiter.acquire({ key: 'a', cost: 3 }).catch((error) => error);
    await clock.advance(200);
    expect(await call).toMatchObject({ code: 'RATE_LIMITED' });
    expect((await call).retryAfterMs).toBeGreaterThan(0);
  });
});

describe('execute', () => {
  it('does not call the function for a context that ends between the admission and the call', async () => {
    const { clock, limiter } = limiterOf({ leaseMs: 600_000 });
    limiter.tryAcquire({ key: 'a' });
    await clock.advance(1);
    const controller = new AbortController();
    const rejected: string[] = [];
    limiter.onRejected(({ code }) => rejected.push(code));
    let called = false;
    const call = limiter.execute(() => (called = true), { key: 'a', signal: controller.signal });
    // The lease admits it in the next microtask; the function is called in a later one.
    await Promise.resolve();
    expect(limiter.stats().admitted).toBe(1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', rejectedBy: 'redis-rate-limiter' });
    expect(called).toBe(false);
    expect(rejected).toEqual(['CANCELLED']);
    expect(limiter.stats()).toMatchObject({ admitted: 0, rejected: 2 });
  });
});
