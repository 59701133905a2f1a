import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../src/index.ts';

describe('TokenBucket', () => {
  it('admits the burst at once and then the rate, exactly', () => {
    const clock = new VirtualClock(12_345.678);
    const bucket = new TokenBucket({ rate: 10, burst: 3, clock });
    expect([1, 2, 3, 4].map(() => bucket.tryAcquire())).toEqual([true, true, true, false]);
    const retryAfterMs = bucket.retryAfterMs();
    expect(retryAfterMs).toBeCloseTo(100, 9);
    clock.advanceSync(retryAfterMs - 1e-6);
    expect(bucket.tryAcquire(), `at ${clock.now()}`).toBe(false);
    clock.jumpTo(12_345.678 + retryAfterMs);
    expect(bucket.tryAcquire(), `at ${clock.now()}`).toBe(true);
    expect(bucket.tryAcquire(), `again at ${clock.now()}`).toBe(false);
  });

  it('admits waiters in order, and nobody overtakes them', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, burst: 1, clock });
    expect(bucket.tryAcquire()).toBe(true);
    const order: string[] = [];
    for (const name of ['first', 'second'])
      bucket.acquire().then(() => order.push(`${name} at ${clock.now()}`));
    await clock.advance(0);
    expect(bucket.tryAcquire()).toBe(false);
    expect(bucket.retryAfterMs()).toBe(300);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(order).toEqual(['first at 100', 'second at 200']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('refuses at once when the wait would pass the deadline', async () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket({ rate: 10, burst: 1, clock });
    await bucket.acquire();
    const refusal = await bucket.acquire({ deadline: 100 }).catch((error) => error);
    expect(isRejected(refusal, 'DEADLINE_EXCEEDED')).toBe(true);
    expect(refusal.retryAfterMs).toBe(100);
    await expect(bucket.acquire({ cost: 2 })).rejects.toThrow(RangeError);
    expect(clock.pendingTimers).toBe(0);
  });
});
