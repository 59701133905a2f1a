import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter, TokenBucket } from '../src/index.ts';

const clock = new VirtualClock();

/** A budget that calls `before` in the middle of every decision. */
class Interrupted extends TokenBucket {
  before = (): void => {};

  override tryAcquire(...args: Parameters<TokenBucket['tryAcquire']>): boolean {
    this.before();
    return super.tryAcquire(...args);
  }
}

describe('a parent that uses the limiter while it decides', () => {
  const limiterOf = () => {
    const parent = new Interrupted({ rate: 10, burst: 10, clock });
    const limiter = new PerClientRateLimiter({
      rate: 1,
      burst: 5,
      parent,
      tiers: { small: { rate: 1, burst: 2 } },
      tierOf: (key) => (key === 'bob' ? 'small' : undefined),
      clock,
    });
    return { parent, limiter };
  };

  it('does not move the charge of a call to another client', () => {
    const { parent, limiter } = limiterOf();
    parent.before = () => void limiter.remaining('bob');
    expect(limiter.tryAcquire({ key: 'ann', cost: 2 })).toBe(true);
    expect(limiter.remaining('ann')).toBe(3);
    expect(limiter.remaining('bob')).toBe(2);
  });

  it('does not let a client have more than its burst', () => {
    const { parent, limiter } = limiterOf();
    let inner = false;
    parent.before = () => {
      parent.before = () => {};
      inner = limiter.tryAcquire({ key: 'ann', cost: 4 });
    };
    expect(limiter.tryAcquire({ key: 'ann', cost: 4 })).toBe(false);
    expect(inner).toBe(true);
    expect(limiter.remaining('ann')).toBe(1);
    expect(parent.remaining()).toBe(6);
    expect(limiter.stats()).toMatchObject({ admitted: 1, rejected: 1 });
  });

  it('does not count its rejection as one of another client', () => {
    const { parent, limiter } = limiterOf();
    parent.penalty({ cost: 10 });
    parent.onRejected(() => void limiter.remaining('bob'));
    limiter.tryAcquire({ key: 'ann' });
    // These are rejected by the bucket of the client itself.
    parent.reset();
    limiter.penalty({ key: 'ann', cost: 100 });
    for (let i = 0; i < 100; i++) limiter.tryAcquire({ key: 'ann' });
    expect(limiter.stats().offenders).toMatchObject([{ count: 101 }]);
  });

  it('does not make the cost of a call invalid by the limit of another client', async () => {
    const { parent, limiter } = limiterOf();
    parent.penalty({ cost: 10 });
    parent.onRejected(() => void limiter.remaining('bob'));
    await expect(limiter.acquire({ key: 'ann', cost: 4 })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });
});
