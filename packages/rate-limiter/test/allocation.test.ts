import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesAllocated, NO_BYTES } from '../../../.config/memory.ts';
import { AllOf, LeakyBucket, LeakyBucketShaper, PerClientRateLimiter, TokenBucket } from '../src/index.ts';

const clock = new VirtualClock();
const bucket = new TokenBucket({ rate: 1e-3, burst: 1, clock });
const leaky = new LeakyBucket({ rate: 1e-3, capacity: 1, clock });
const shaper = new LeakyBucketShaper({ rate: 1e-3, capacity: 1, clock });
const users = new PerClientRateLimiter({ rate: 1e-3, burst: 1, clock });
const ann = { key: 'ann' };
const all = new AllOf({ limits: [bucket, leaky], clock });

const rejections: Readonly<Record<string, () => boolean>> = {
  TokenBucket: () => bucket.tryAcquire(),
  LeakyBucket: () => leaky.tryAcquire(),
  LeakyBucketShaper: () => shaper.tryAcquire(),
  PerClientRateLimiter: () => users.tryAcquire(ann),
  AllOf: () => all.tryAcquire(),
};

describe('tryAcquire', { timeout: 30_000 }, () => {
  it.each(Object.entries(rejections))('of %s allocates nothing when it rejects', (_, tryAcquire) => {
    tryAcquire();
    expect(tryAcquire()).toBe(false);
    expect(bytesAllocated(tryAcquire)).toBeLessThan(NO_BYTES / 2);
  });

  it('is measured by a method that sees a single number on the heap', () => {
    const kept: { number: number | undefined } = { number: undefined };
    const allocates = (): boolean => {
      kept.number = Math.random();
      return bucket.tryAcquire();
    };
    expect(bytesAllocated(allocates)).toBeGreaterThan(NO_BYTES / 2);
  });
});
