import type { CallContext, RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { limiterOf } from './limiter.ts';

describe('decisions without a round trip', () => {
  describe('tryAcquire', () => {
    it('spends the lease, and asks for a batch when that is used up', async () => {
      const { clock, limiter } = limiterOf({ leaseMs: 600_000 });
      expect(limiter.tryAcquire({ key: 'a' })).toBe(false);
      await clock.advance(1);
      expect(limiter.tryAcquire({ key: 'a' })).toBe(true);
      expect(limiter.stats()).toMatchObject({ admitted: 1, rejected: 1 });
    });

    it('never throws, and notifies of every rejection', async () => {
      const { limiter } = limiterOf({ burst: 2 });
      const rejections: RejectedError[] = [];
      limiter.onRejected((rejection) => rejections.push(rejection));
      const wrong: CallContext[] = [
        { key: 7 as never },
        { key: 'x'.repeat(201) },
        { cost: 0 },
        { cost: Number.NaN },
        { cost: 3 },
        { deadline: 0 },
        { deadline: Number.NaN },
        { signal: AbortSignal.abort() },
      ];
      for (const ctx of wrong) expect(limiter.tryAcquire(ctx)).toBe(false);
      await limiter.close();
      expect(limiter.tryAcquire()).toBe(false);
      expect(rejections.map(({ code, retryAfterMs }) => [code, retryAfterMs])).toEqual([
        ...Array.from({ length: 5 }, () => ['RATE_LIMITED', Number.POSITIVE_INFINITY]),
        ['DEADLINE_EXCEEDED', undefined],
        ['DEADLINE_EXCEEDED', undefined],
        ['CANCELLED', undefined],
        ['SHUTTING_DOWN', undefined],
      ]);
    });

    it('is decided locally while the store is unavailable', async () => {
      const { store, limiter } = limiterOf({ consecutiveFailures: 1, mode: 'strict' });
      store.down = true;
      expect(limiter.tryAcquire({ key: 'a' })).toBe(false);
      await limiter.acquire({ key: 'a' });
      const admitted = Array.from({ length: 20 }, () => limiter.tryAcquire({ key: 'a' })).filter(Boolean);
      expect(admitted).toHaveLength(9);
    });
  });

  describe('check', () => {
    it('returns the rejection with which acquire would reject, and takes nothing', async () => {
      const { clock, limiter } = limiterOf({ burst: 1 });
      expect(limiter.check({ key: 'a' })).toBeUndefined();
      expect(limiter.check({ key: 'a' })).toBeUndefined();
      await limiter.acquire({ key: 'a' });
      expect(limiter.check({ key: 'a' })).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 60_000 });
      expect(limiter.check({ key: 'a', deadline: clock.now() })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      await limiter.close();
      expect(limiter.check({ key: 'b' })).toMatchObject({ code: 'SHUTTING_DOWN' });
      expect(limiter.stats().rejected).toBe(0);
    });

    it('never throws: a call with a wrong context would be rejected', () => {
      const { limiter } = limiterOf({ burst: 2 });
      const never = { code: 'RATE_LIMITED', retryAfterMs: Number.POSITIVE_INFINITY };
      const wrong: CallContext[] = [{ key: 7 as never }, { cost: 0 }, { cost: '1' as never }, { cost: 3 }];
      for (const ctx of wrong) expect(limiter.check(ctx)).toMatchObject(never);
      expect(limiter.check({ deadline: Number.NaN })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(limiter.check({ key: 'x'.repeat(201) })).toBeUndefined();
    });

    it('knows what is decided locally', async () => {
      const { store, limiter } = limiterOf({ consecutiveFailures: 1, mode: 'strict', burst: 2 });
      store.down = true;
      await limiter.acquire({ key: 'a' });
      expect(limiter.check({ key: 'a' })).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 120_000 });
      expect(limiter.check({ key: 'b' })).toBeUndefined();
    });
  });
});
