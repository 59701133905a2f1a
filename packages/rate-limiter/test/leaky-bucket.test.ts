import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { LeakyBucket } from '../src/index.ts';

describe('LeakyBucket', () => {
  it('fills with every call, leaks at the rate and rejects a call that would overflow', () => {
    const clock = new VirtualClock(77);
    const bucket = new LeakyBucket({ rate: 2, capacity: 3, clock });
    expect(bucket.level()).toBe(0);
    expect(bucket.tryAcquire({ cost: 2.5 })).toBe(true);
    expect(bucket.level()).toBe(2.5);
    expect(bucket.tryAcquire()).toBe(false);
    expect(bucket.retryAfterMs()).toBe(250);
    clock.advanceSync(250);
    expect(bucket.tryAcquire()).toBe(true);
    expect(bucket.level()).toBe(3);
    clock.advanceSync(1000);
    expect(bucket.level()).toBe(1);
    expect(bucket.remaining()).toBe(2);
    clock.advanceSync(10_000);
    expect(bucket.level()).toBe(0);
    expect(bucket.maxCost()).toBe(3);
    expect(bucket.retryAfterMs({ cost: 3.5 })).toBe(Number.POSITIVE_INFINITY);
  });

  it('has a level above its capacity after a penalty', () => {
    const bucket = new LeakyBucket({ rate: 1, capacity: 2, clock: new VirtualClock() });
    bucket.penalty({ cost: 5 });
    expect(bucket.level()).toBe(5);
    expect(bucket.remaining()).toBe(0);
    expect(bucket.retryAfterMs()).toBe(4000);
  });

  it('keeps its level when its limit changes', () => {
    const bucket = new LeakyBucket({ rate: 1, capacity: 4, clock: new VirtualClock() });
    bucket.tryAcquire({ cost: 4 });
    bucket.setLimit({ capacity: 6, rate: 10 });
    expect(bucket.level()).toBe(4);
    expect(bucket.remaining()).toBe(2);
    expect(bucket.retryAfterMs({ cost: 3 })).toBe(100);
    expect(() => bucket.setLimit({ capacity: 0 })).toThrow(/capacity/);
  });

  it('lets calls wait, as the token bucket does', async () => {
    const clock = new VirtualClock();
    const bucket = new LeakyBucket({ rate: 10, capacity: 1, clock, name: 'drain' });
    const times: number[] = [];
    for (let i = 0; i < 3; i++) bucket.execute(() => times.push(clock.now()));
    await clock.advance(1000);
    expect(times).toEqual([0, 100, 200]);
    expect(clock.pendingTimers).toBe(0);
  });
});
