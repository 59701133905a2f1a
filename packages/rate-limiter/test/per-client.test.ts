import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter } from '../src/index.ts';

describe('PerClientRateLimiter', () => {
  it('gives every client its own allowance', () => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 10, burst: 2, clock });
    expect([1, 2, 3].map(() => limiter.tryAcquire('ann'))).toEqual([true, true, false]);
    expect(limiter.retryAfterMs('ann')).toBe(100);
    expect(limiter.tryAcquire('bob')).toBe(true);
    expect(limiter.remaining('bob')).toBe(1);
    expect(limiter.stats()).toMatchObject({ clients: 2, admitted: 3, refused: 1 });
    clock.advanceSync(1000);
    expect(limiter.stats().clients).toBe(0);
  });
});
