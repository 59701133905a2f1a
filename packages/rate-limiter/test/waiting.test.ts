import { isRejected } from '@bp/core';
import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';

/** An empty bucket of one token: every call has to wait. */
function empty(options: { rate?: number; burst?: number; maxQueue?: number } = {}) {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ rate: 10, burst: 1, clock, name: 'orders', ...options });
  bucket.penalty({ cost: bucket.maxCost() });
  return { clock, bucket };
}

const rejectionOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('was admitted'),
    (error) => error,
  );

describe('waiting for tokens', () => {
  it('is in order of arrival: small calls do not overtake a large one, and one timer serves all', async () => {
    const { clock, bucket } = empty({ burst: 4 });
    const served: string[] = [];
    for (const [name, cost] of [
      ['a', 1],
      ['large', 4],
      ['b', 1],
      ['c', 0.5],
    ] as const) {
      bucket.acquire({ cost }).then(() => served.push(`${name} at ${clock.now()}`));
    }
    await settle();
    expect(clock.pendingTimers).toBe(1);
    expect(bucket.stats().queued).toBe(4);
    await clock.advance(10_000);
    expect(served).toEqual(['a at 100', 'large at 500', 'b at 600', 'c at 650']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps tokens for waiting calls: tryAcquire rejects while a call waits', async () => {
    const { clock, bucket } = empty({ burst: 5 });
    const waiter = bucket.acquire({ cost: 5 });
    await clock.advance(300);
    expect(bucket.remaining()).toBe(3);
    expect(bucket.tryAcquire({ cost: 1 })).toBe(false);
    expect(admits(bucket, { cost: 1 })).toBe(false);
    expect(bucket.retryAfterMs({ cost: 1 })).toBe(300);
    await clock.advance(200);
    await waiter;
    expect(bucket.tryAcquire({ cost: 1 })).toBe(false);
    await clock.advance(100);
    expect(bucket.tryAcquire({ cost: 1 })).toBe(true);
  });

  it('serves a waiting call whose time has come before a new call, even if the timer is late', () => {
    const { clock, bucket } = empty({ burst: 2 });
    let served = false;
    bucket.acquire().then(() => (served = true));
    clock.jumpTo(100);
    expect(bucket.tryAcquire()).toBe(false);
    expect(bucket.stats()).toMatchObject({ queued: 0, admitted: 1 });
    clock.jumpTo(200);
    expect(bucket.tryAcquire()).toBe(true);
    return settle().then(() => expect(served).toBe(true));
  });

  it('rejects at once when the wait would not end before the deadline, counting the calls ahead', async () => {
    const { clock, bucket } = empty();
    const first = bucket.acquire({ deadline: 101 });
    const rejection = await rejectionOf(bucket.acquire({ deadline: 200 }));
    expect(rejection).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'orders', retryAfterMs: 200 });
    const second = bucket.acquire({ deadline: 201 });
    await clock.advance(200);
    await Promise.all([first, second]);
    expect(clock.pendingTimers).toBe(0);
    expect(bucket.stats()).toMatchObject({ admitted: 2, rejected: 1 });
  });

  it('rejects a call that is over before it begins, without taking anything', async () => {
    const clock = new VirtualClock(50);
    const bucket = new TokenBucket({ rate: 10, burst: 1, clock });
    const reason = new Error('gone');
    const cancelled = await rejectionOf(bucket.acquire({ signal: AbortSignal.abort(reason) }));
    expect(cancelled).toMatchObject({ code: 'CANCELLED', cause: reason });
    expect(await rejectionOf(bucket.acquire({ deadline: 50 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const doneReason = 'hung up';
    expect(await rejectionOf(bucket.acquire({ onDone: () => () => {}, doneReason }))).toMatchObject({
      code: 'CANCELLED',
      cause: doneReason,
    });
    expect(bucket.remaining()).toBe(1);
  });

  it('removes a cancelled call at once, with its reason, and the calls behind it wait less', async () => {
    const { clock, bucket } = empty({ burst: 2, maxQueue: 2 });
    const controller = new AbortController();
    const first = rejectionOf(bucket.acquire({ cost: 2, signal: controller.signal }));
    let servedAt = Number.NaN;
    bucket.acquire().then(() => (servedAt = clock.now()));
    expect(await rejectionOf(bucket.acquire())).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 400 });
    await clock.advance(50);
    controller.abort('changed my mind');
    expect(await first).toMatchObject({ code: 'CANCELLED', cause: 'changed my mind' });
    expect(bucket.stats()).toMatchObject({ queued: 1, rejected: 2 });
    await clock.advance(50);
    expect(servedAt).toBe(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the order and the timer when a call in the middle or at the end is cancelled', async () => {
    const { clock, bucket } = empty();
    const served: number[] = [];
    const controllers = [0, 1, 2, 3].map((i) => {
      const controller = new AbortController();
      bucket.acquire({ signal: controller.signal }).then(
        () => served.push(i),
        () => {},
      );
      return controller;
    });
    controllers[1]?.abort();
    controllers[3]?.abort();
    bucket.acquire().then(() => served.push(4));
    await clock.advance(300);
    expect(served).toEqual([0, 2, 4]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects a waiting call whose deadline passes because a penalty came in between', async () => {
    const { clock, bucket } = empty();
    const waiter = rejectionOf(bucket.acquire({ deadline: 150 }));
    bucket.penalty({ cost: 10 });
    await clock.advance(150);
    expect(await waiter).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(bucket.stats().queued).toBe(0);
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('accepts a context that ends by onDone, and removes its listener', async () => {
    const { clock, bucket } = empty();
    const listeners = new Set<(reason: unknown) => void>();
    const onDone = (listener: (reason: unknown) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };
    const cancelled = rejectionOf(bucket.acquire({ onDone }));
    const served = bucket.acquire({ onDone });
    expect(listeners.size).toBe(2);
    [...listeners][0]?.('enough');
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    await clock.advance(100);
    await served;
    expect(listeners.size).toBe(0);
  });

  it('handles a context that ends at the moment it is watched', async () => {
    const { clock, bucket } = empty();
    let removed = false;
    const onDone = (listener: (reason: unknown) => void) => {
      listener('already over');
      return () => {
        removed = true;
      };
    };
    expect(await rejectionOf(bucket.acquire({ onDone }))).toMatchObject({ code: 'CANCELLED' });
    expect(removed).toBe(true);
    expect(bucket.stats()).toMatchObject({ queued: 0, rejected: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects at once when maxQueue is 0, with the exact retryAfterMs', async () => {
    const { bucket } = empty({ maxQueue: 0 });
    expect(await rejectionOf(bucket.acquire())).toMatchObject({
      code: 'RATE_LIMITED',
      rejectedBy: 'orders',
      retryAfterMs: 100,
    });
  });

  it('rejects an invalid cost with a RangeError', async () => {
    const { clock, bucket } = empty();
    for (const cost of [2, -1, Number.NaN])
      await expect(bucket.acquire({ cost })).rejects.toThrow(RangeError);
    // A mistake of the caller counts as no rejection.
    expect(bucket.stats().rejected).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('serves waiting calls at once after a refund and after a reset', async () => {
    const { bucket } = empty();
    const first = bucket.acquire();
    const second = bucket.acquire();
    bucket.refund({ cost: 1 });
    await first;
    bucket.reset();
    await second;
    expect(bucket.stats().queued).toBe(0);
  });

  it('waits longer than a platform timer can: a month and more', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 1, intervalMs: 90 * 86_400_000, clock });
    bucket.tryAcquire();
    let served = false;
    bucket.acquire().then(() => (served = true));
    await clock.advance(90 * 86_400_000 - 1);
    expect(served).toBe(false);
    await clock.advance(1);
    expect(served).toBe(true);
  });
});

describe('execute', () => {
  it('runs the function with its context once admitted, and passes its result and errors', async () => {
    const { clock, bucket } = empty();
    const ctx = { cost: 1, deadline: 1000 };
    const result = bucket.execute((inner) => (inner === ctx ? 'mine' : 'not mine'), ctx);
    const failure = new Error('of the caller');
    const failed = rejectionOf(
      bucket.execute(() => {
        throw failure;
      }),
    );
    await clock.advance(200);
    expect(await result).toBe('mine');
    expect(await failed).toBe(failure);
  });

  it('never starts a rejected or cancelled call', async () => {
    const { clock, bucket } = empty({ maxQueue: 1 });
    let started = 0;
    const controller = new AbortController();
    const waiting = rejectionOf(bucket.execute(() => started++, { signal: controller.signal }));
    const rejected = rejectionOf(bucket.execute(() => started++));
    controller.abort();
    await clock.advance(1000);
    expect(isRejected(await waiting, 'CANCELLED')).toBe(true);
    expect(isRejected(await rejected, 'RATE_LIMITED')).toBe(true);
    expect(started).toBe(0);
  });

  it('gives the tokens back if the call is cancelled between being admitted and being started', async () => {
    const { clock, bucket } = empty();
    const controller = new AbortController();
    let started = false;
    const call = rejectionOf(bucket.execute(() => (started = true), { signal: controller.signal }));
    clock.advanceSync(100);
    controller.abort();
    expect(isRejected(await call, 'CANCELLED')).toBe(true);
    expect(started).toBe(false);
    expect(bucket.remaining()).toBe(1);
  });
});
