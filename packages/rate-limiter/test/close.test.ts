import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
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

describe('close', () => {
  it('rejects new calls, serves waiting calls, then resolves; a second call changes nothing', async () => {
    const { clock, bucket } = empty();
    const waiter = bucket.acquire();
    let closed = 0;
    bucket.close().then(() => closed++);
    bucket.close().then(() => closed++);
    expect(bucket.tryAcquire()).toBe(false);
    expect(admits(bucket)).toBe(false);
    expect(await rejectionOf(bucket.acquire())).toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(99);
    expect(closed).toBe(0);
    await clock.advance(1);
    await waiter;
    expect(closed).toBe(2);
    await bucket[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects the calls that still wait when the time is up', async () => {
    const { clock, bucket } = empty();
    const first = bucket.acquire();
    const second = rejectionOf(bucket.acquire());
    const closed = bucket.close({ withinMs: 150 });
    await clock.advance(150);
    await first;
    expect(await second).toMatchObject({ code: 'SHUTTING_DOWN', rejectedBy: 'orders' });
    await closed;
    expect(bucket.stats()).toMatchObject({ admitted: 1, rejected: 1, queued: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('removes its listener from the signal once no call waits', async () => {
    const { clock, bucket } = empty();
    const waiter = bucket.acquire();
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const closed = bucket.close({ signal });
    await clock.advance(100);
    await Promise.all([waiter, closed]);
    expect(removed).toHaveBeenCalledTimes(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects all calls at once when its signal aborts, before or while it drains', async () => {
    const { clock, bucket } = empty();
    const waiters = [bucket.acquire(), bucket.acquire()].map(rejectionOf);
    const controller = new AbortController();
    const patient = bucket.close();
    const closed = bucket.close({ signal: controller.signal });
    controller.abort();
    await Promise.all([patient, closed]);
    for (const waiter of waiters) expect(await waiter).toMatchObject({ code: 'SHUTTING_DOWN' });
    const { bucket: other } = empty();
    const waiter = rejectionOf(other.acquire());
    await other.close({ signal: AbortSignal.abort() });
    expect(await waiter).toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(clock.pendingTimers).toBe(0);
  });
});
