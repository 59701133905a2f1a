import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

const NEVER = { code: 'CONCURRENCY_LIMIT', retryAfterMs: Number.POSITIVE_INFINITY };

describe('a cost that can never be admitted', () => {
  it('is a RangeError above the configured limit, and a rejection above a lowered one', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 5, maxQueue: 10 });
    const heavy = { cost: 5 };
    await expect(limiter.acquire({ cost: 6 })).rejects.toThrow(RangeError);
    limiter.setLimit(3);
    await expect(limiter.acquire(heavy)).rejects.toMatchObject(NEVER);
    await expect(limiter.execute(() => 1, heavy)).rejects.toMatchObject(NEVER);
    await expect(limiter.execute(() => 1, { cost: 6 })).rejects.toThrow(RangeError);
    expect(limiter.tryAcquire(heavy)).toBeUndefined();
    expect(limiter.check(heavy)).toMatchObject(NEVER);
    expect(limiter.canAdmit(heavy)).toBe(false);
    expect([limiter.estimatedWaitMs(heavy), limiter.retryAfterMs(heavy)]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    limiter.setLimit(5);
    expect(limiter.check(heavy)).toBeUndefined();
    await expect(limiter.execute(() => 'runs', heavy)).resolves.toBe('runs');
  });

  it('differs from an unknown wait: a limit of 0 is a pause', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 5 });
    limiter.setLimit(0);
    await expect(limiter.acquire({ cost: 5 })).rejects.toMatchObject({
      code: 'CONCURRENCY_LIMIT',
      retryAfterMs: undefined,
    });
    expect(limiter.retryAfterMs()).toBeUndefined();
  });

  it('is decided by the highest limit so far', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 2 });
    await expect(limiter.acquire({ cost: 4 })).rejects.toThrow('at most limit = 2, got 4 (number)');
    limiter.setLimit(4);
    (await limiter.acquire({ cost: 4 })).release();
    limiter.setLimit(2);
    await expect(limiter.acquire({ cost: 4 })).rejects.toMatchObject(NEVER);
  });

  it('still starts, alone, if it was queued before the limit was lowered', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 4, maxQueue: 2 });
    const held = await limiter.acquire();
    const queued = limiter.execute(() => 'ran', { cost: 4 });
    limiter.setLimit(2);
    held.release();
    await expect(queued).resolves.toBe('ran');
  });
});

describe('a context with a wrong field', () => {
  it.each([
    [{ cost: 0 }, RangeError, 'cost must be above 0'],
    [{ cost: Number.NaN }, RangeError, 'cost must be above 0'],
    [{ cost: '1' as never }, TypeError, 'cost must be above 0 and at most limit = 5, got 1 (string)'],
    [{ priority: Number.NaN }, RangeError, 'priority must be a number'],
    [{ priority: 'high' as never }, TypeError, 'priority must be a number'],
    [{ deadline: Number.NaN }, RangeError, 'deadline'],
    [{ deadline: Date.now() + 1000 }, RangeError, 'deadline'],
    [{ key: 7 as never }, TypeError, 'key must be a string'],
  ])('%j rejects every asynchronous method with an error that names it', async (ctx, type, message) => {
    const limiter = new ConcurrencyLimiter({ limit: 5, maxQueue: 5, fair: true });
    for (const call of [limiter.acquire(ctx), limiter.execute(() => 1, ctx), limiter.ready(ctx)]) {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(type);
      expect(String(error)).toContain(message);
    }
    expect(limiter.tryAcquire(ctx)).toBeUndefined();
    expect(limiter.canAdmit(ctx)).toBe(false);
    expect(limiter.check(ctx)?.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0, admitted: 0, rejected: 1 });
  });
});
