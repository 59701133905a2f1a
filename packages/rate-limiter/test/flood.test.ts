import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { PerClientRateLimiter } from '../src/index.ts';

describe('a flood of one-time clients', { timeout: 30_000 }, () => {
  const flooded = (
    strangers: number,
    maxKeys: number,
  ): { clock: VirtualClock; limiter: PerClientRateLimiter } => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 10, maxKeys, clock });
    limiter.tryAcquire({ key: 'busy', cost: 10 });
    limiter.block('banned', 3_600_000);
    for (let i = 0; i < strangers; i++) {
      if (i % 100 === 0) clock.advanceSync(1);
      limiter.tryAcquire({ key: `one-time ${i}` });
    }
    return { clock, limiter };
  };

  it('evicts no blocked client, and gives no limited client a fresh allowance', () => {
    const { clock, limiter } = flooded(100_000, 100);
    expect(clock.now()).toBe(1000);
    expect(limiter.retryAfterMs({ key: 'busy', cost: 2 })).toBeGreaterThanOrEqual(1000);
    expect(limiter.retryAfterMs({ key: 'banned' })).toBe(3_599_000);
    clock.jumpTo(3_599_999);
    expect(limiter.tryAcquire({ key: 'banned' })).toBe(false);
    clock.jumpTo(3_600_000);
    expect(limiter.tryAcquire({ key: 'banned' })).toBe(true);
  });

  it('delays new clients at most by the time in which a bucket fills up, and not because of blocked clients', () => {
    const { limiter } = flooded(100_000, 100);
    for (let i = 0; i < 1000; i++) {
      expect(limiter.retryAfterMs({ key: `new ${i}`, cost: 10 })).toBeLessThanOrEqual(10_000);
    }
  });

  it('leaves no trace: once its debts have come back, new clients have an allowance of their own', () => {
    const { clock, limiter } = flooded(100_000, 100);
    clock.advanceSync(10_000);
    for (let i = 0; i < 90; i++)
      expect(limiter.tryAcquire({ key: `new ${i}`, cost: 10 }), `new ${i}`).toBe(true);
    for (let i = 0; i < 90; i++)
      expect(limiter.tryAcquire({ key: `new ${i}`, cost: 0.5 }), `new ${i}`).toBe(false);
  });

  it('has an entry for each of maxKeys clients', () => {
    const clock = new VirtualClock();
    const limiter = new PerClientRateLimiter({ rate: 1, burst: 2, maxKeys: 100_000, clock });
    for (let i = 0; i < 100_000; i++) limiter.tryAcquire({ key: `client ${i}` });
    expect(limiter.stats().keys).toBeGreaterThanOrEqual(99_990);
    let own = 0;
    for (let i = 0; i < 100_000; i++) if (limiter.remaining(`client ${i}`) === 1) own++;
    expect(own).toBeGreaterThanOrEqual(99_990);
  });
});
