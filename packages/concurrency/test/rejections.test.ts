import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

function setup() {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ name: 'database', limit: 1, maxQueue: 2, maxWaitMs: 100, clock });
  const seen: RejectedError[] = [];
  const stop = limiter.onRejected((rejection) => seen.push(rejection));
  return { clock, limiter, seen, stop };
}

describe('onRejected', () => {
  it('gets every rejection once, the one that the caller gets', async () => {
    const { clock, limiter, seen } = setup();
    await limiter.acquire();
    const controller = new AbortController();
    const calls = [
      limiter.acquire({ signal: controller.signal }),
      limiter.acquire({ priority: -1 }),
      limiter.execute(() => 1, { priority: 1 }),
      limiter.execute(() => 1, { priority: -2 }),
      limiter.execute(() => 1, { deadline: clock.now() }),
    ].map((call) => call.catch((error: unknown) => error));
    controller.abort();
    await clock.advance(100);
    limiter.tryAcquire();
    const closed = limiter.close({ withinMs: 0 });
    const late = limiter.acquire().catch((error: unknown) => error);
    await closed;
    const caught = await Promise.all([...calls, late]);
    expect(seen.map(({ code }) => code)).toEqual([
      'SHED',
      'QUEUE_FULL',
      'DEADLINE_EXCEEDED',
      'CANCELLED',
      'SHED',
      'CONCURRENCY_LIMIT',
      'SHUTTING_DOWN',
    ]);
    expect(new Set(seen.map(({ rejectedBy }) => rejectedBy))).toEqual(new Set(['database']));
    for (const error of caught) expect(seen).toContain(error);
    expect(limiter.stats().rejected).toBe(seen.length);
  });

  it('is not called for check, canAdmit and ready, nor after it was removed', async () => {
    const { limiter, seen, stop } = setup();
    const held = await limiter.acquire();
    for (let i = 0; i < 2; i++) void limiter.acquire().then((permit) => permit.release());
    expect(limiter.check()).toMatchObject({ code: 'QUEUE_FULL', rejectedBy: 'database' });
    expect(limiter.canAdmit()).toBe(false);
    await expect(limiter.ready({ deadline: 0 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect([seen, limiter.stats().rejected]).toEqual([[], 0]);
    stop();
    limiter.tryAcquire();
    expect([seen, limiter.stats().rejected]).toEqual([[], 1]);
    held.release();
  });

  it('gets what check returned', async () => {
    const { clock, limiter, seen } = setup();
    void limiter.execute(() => new Promise<void>((resolve) => void clock.setTimer(resolve, 80)));
    await clock.advance(80);
    await limiter.acquire();
    for (const ctx of [{}, {}, {}, { deadline: clock.now() + 50 }, { cost: 1, priority: -1 }]) {
      const checked = limiter.check(ctx);
      const admitted = limiter.canAdmit(ctx);
      const call = limiter.acquire(ctx);
      call.catch(() => {});
      await Promise.resolve();
      await Promise.resolve();
      expect(admitted).toBe(checked === undefined);
      if (checked === undefined) continue;
      expect(seen.at(-1)).toMatchObject({ code: checked.code, retryAfterMs: checked.retryAfterMs });
    }
    expect(seen.length).toBeGreaterThanOrEqual(3);
  });
});
