import { AsyncLocalStorage } from 'node:async_hooks';
import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

/** Defects of other limiters, each in one sentence that must hold here. */
describe('what other limiters got wrong', () => {
  it('async-sema: stray releases do not make more permits', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1 });
    const permit = await limiter.acquire();
    for (let i = 0; i < 3; i++) permit.release();
    const next = limiter.tryAcquire();
    permit.release();
    expect(next).toBeDefined();
    expect(limiter.tryAcquire()).toBeUndefined();
  });

  it('cockatiel: a queued call is not rejected because a later call takes its permit', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 1 });
    const first = await limiter.acquire();
    const accepted = limiter.acquire();
    first.release();
    // Between the release and the microtask in which the waiter goes on.
    expect(limiter.tryAcquire()).toBeUndefined();
    const later = limiter.acquire();
    (await accepted).release();
    (await later).release();
    expect(limiter.stats()).toMatchObject({ active: 0, rejected: 1 });
  });

  it('cockatiel: an aborted waiter does not keep its place', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 1 });
    await limiter.acquire();
    const controller = new AbortController();
    const aborted = limiter.acquire({ signal: controller.signal });
    controller.abort();
    expect(limiter.stats().queued).toBe(0);
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('opossum, p-queue: a permit is not free because its caller stopped waiting', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, clock });
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running++;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => clock.setTimer(resolve, 1000));
      running--;
    };
    for (let i = 0; i < 4; i++) {
      limiter.execute(work, { deadline: clock.now() + 10 }).catch(() => {});
      await clock.advance(20);
    }
    expect(most).toBe(1);
    await clock.advance(1000);
    expect(limiter.stats().active).toBe(0);
  });

  it('effect: light calls do not overtake a heavy one for ever', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 2, maxQueue: 10 });
    const held = await limiter.acquire();
    const order: string[] = [];
    const heavy = limiter.execute(() => void order.push('heavy'), { cost: 2 });
    const light = limiter.execute(() => void order.push('light'), { cost: 1 });
    held.release();
    await Promise.all([heavy, light]);
    expect(order).toEqual(['heavy', 'light']);
  });

  it('hono: an error of the work does not lose the permit', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1 });
    for (let i = 0; i < 3; i++) {
      await limiter.execute(() => Promise.reject(new Error('own'))).catch(() => {});
    }
    await expect(limiter.execute(() => 'runs')).resolves.toBe('runs');
  });

  it('p-limit: closing settles every promise', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    const held = await limiter.acquire();
    const waiting = Array.from({ length: 5 }, () => limiter.acquire());
    const settled = Promise.allSettled(waiting);
    await Promise.all([limiter.close({ withinMs: 0 }), settled]);
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    held.release();
  });

  it('workerpool: a queue of length 0 is no unbounded queue', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 0 });
    await limiter.acquire();
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'CONCURRENCY_LIMIT' });
  });

  it('effect: a cancelled call takes no permits with it', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 4, maxQueue: 10 });
    const held = await limiter.acquire();
    const controller = new AbortController();
    const heavy = Array.from({ length: 5 }, () => limiter.acquire({ cost: 4, signal: controller.signal }));
    const settled = Promise.allSettled(heavy);
    controller.abort();
    await settled;
    expect(limiter.estimatedWaitMs({ cost: 3 })).toBe(0);
    expect(limiter.tryAcquire({ cost: 3 })).toBeDefined();
    held.release();
  });

  it('effect: a call that can never be admitted does not wait for ever', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 2, maxQueue: 10 });
    await expect(limiter.acquire({ cost: 3 })).rejects.toThrow(RangeError);
    expect(limiter.tryAcquire({ cost: 3 })).toBeUndefined();
  });

  it('opossum: a rejection is no failure of the work and can be notified apart', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1 });
    await limiter.acquire();
    const error: unknown = await limiter.execute(() => 1).catch((reason: unknown) => reason);
    expect(isRejected(error, 'CONCURRENCY_LIMIT')).toBe(true);
    expect(error).toMatchObject({ workBegan: false });
  });

  it('fastq: a queued call keeps the async context of its caller', async () => {
    const storage = new AsyncLocalStorage<number>();
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 10 });
    const calls = [1, 2, 3].map((n) => storage.run(n, () => limiter.execute(async () => storage.getStore())));
    expect(await Promise.all(calls)).toEqual([1, 2, 3]);
  });

  it('under-pressure: retryAfterMs is computed, not a constant', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, clock });
    const held = await limiter.acquire();
    const seen: (number | undefined)[] = [];
    for (const ms of [100, 200, 400]) {
      await clock.advance(ms);
      seen.push(limiter.retryAfterMs());
    }
    expect(seen).toEqual([100, 300, 700]);
    held.release();
  });
});
