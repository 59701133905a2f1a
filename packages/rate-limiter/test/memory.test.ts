import { describe, expect, it } from 'vitest';
import { residentBytes } from '../../../.config/memory.ts';
import { PerClientRateLimiter } from '../src/index.ts';

const MEGABYTE = 2 ** 20;

describe('memory', { timeout: 30_000 }, () => {
  it('is at most 24 bytes a client at a million clients, with tiers too, and constant', () => {
    const tiers = { free: { rate: 1 }, pro: { rate: 10 }, staff: { rate: 100 } };
    const limiter = new PerClientRateLimiter({ rate: 1, maxKeys: 1_000_000, tiers, tierOf: () => 'pro' });
    expect(limiter.stats().bytes / 1_000_000).toBeLessThanOrEqual(24);
    // At least a hash, a time and a tier for each client, and the overflow debts.
    expect(limiter.stats().bytes / 1_000_000).toBeGreaterThan(17);
  });

  it('grows by less than 40 MB through a million hostile keys, admitted and rejected', async () => {
    const flood = (limiter: PerClientRateLimiter, keys: number): void => {
      for (let i = 0; i < keys; i++) {
        limiter.tryAcquire({ key: `${i} hostile` });
        limiter.tryAcquire({ key: `${i} hostile` });
        if (i % 10_000 === 0) limiter.tryAcquire({ key: 'x'.repeat(MEGABYTE) + i, cost: 2 });
      }
    };
    // The engine's own share first: compiled code and the young generation at its full size.
    flood(new PerClientRateLimiter({ rate: 1e-3, burst: 1, maxKeys: 1000 }), 200_000);
    const before = await residentBytes();
    const limiter = new PerClientRateLimiter({ rate: 1e-3, burst: 1, maxKeys: 1_000_000 });
    flood(limiter, 1_000_000);
    const grown = (await residentBytes()) - before;
    expect(limiter.stats().keys).toBeGreaterThan(999_000);
    expect(limiter.stats().rejected).toBeGreaterThan(999_000);
    expect(grown / MEGABYTE).toBeLessThan(40);
  });
});
