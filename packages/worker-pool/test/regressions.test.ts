import { AsyncLocalStorage } from 'node:async_hooks';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../src/index.ts';

/** Defects of other pools and queues, each in one sentence that must hold here. */
describe('what other pools got wrong', () => {
  const never = (): Promise<never> => new Promise(() => {});

  it('piscina: jobs that carry a signal are bounded like all others', async () => {
    const pool = new WorkerPool({ workers: 1, maxQueue: 2 });
    const { signal } = new AbortController();
    const results = Array.from({ length: 50 }, () => pool.submit(never, { signal }).catch(() => 'rejected'));
    const rejected = await Promise.all(results.slice(3));
    expect(rejected).toEqual(Array.from({ length: 47 }, () => 'rejected'));
    expect(pool.stats()).toMatchObject({ active: 1, queued: 2, rejected: 47 });
  });

  it('piscina: a rejected job never runs', async () => {
    const pool = new WorkerPool({ workers: 1, maxQueue: 0 });
    const ran: string[] = [];
    const first = pool.submit(async () => void ran.push('first'));
    await expect(pool.submit(() => void ran.push('rejected'))).rejects.toMatchObject({
      code: 'CONCURRENCY_LIMIT',
    });
    await first;
    await pool.drain();
    expect(ran).toEqual(['first']);
  });

  it('workerpool: cancelled jobs do not fill the queue, and a rejection is a rejection, not a throw', async () => {
    const pool = new WorkerPool({ workers: 1, maxQueue: 2 });
    void pool.submit(never);
    const controller = new AbortController();
    const cancelled = [1, 2].map(() => pool.submit(never, { signal: controller.signal }).catch(() => {}));
    controller.abort();
    await Promise.all(cancelled);
    for (let i = 0; i < 2; i++) pool.submit(never).catch(() => {});
    expect(pool.stats().queued).toBe(2);
    let thrown = false;
    try {
      pool.submit(never).catch(() => {});
    } catch {
      thrown = true;
    }
    expect(thrown).toBe(false);
  });

  it('fastq: closing settles every promise it gave out', async () => {
    const pool = new WorkerPool({ workers: 1, maxQueue: 5 });
    const settled = Promise.allSettled(Array.from({ length: 6 }, () => pool.submit(never)));
    await pool.close({ withinMs: 0 });
    expect((await settled).map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'rejected'));
  });

  it('pacer: every caller gets its own result', async () => {
    const pool = new WorkerPool({ workers: 3 });
    const results = [1, 2, 3].map((n) => pool.submit(async () => n));
    expect(await Promise.all(results)).toEqual([1, 2, 3]);
  });

  it('p-queue: the time a job may take includes the time it waits', async () => {
    const clock = new VirtualClock();
    const pool = new WorkerPool({ workers: 1, clock });
    void pool.submit(() => new Promise<void>((resolve) => void clock.setTimer(resolve, 100)));
    let ran = false;
    const late = pool.submit(
      () => {
        ran = true;
      },
      { deadline: 50 },
    );
    late.catch(() => {});
    await clock.advance(200);
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(ran).toBe(false);
  });

  it('fastq: a job keeps the async context it was submitted in, however long it waits', async () => {
    const pool = new WorkerPool({ workers: 1 });
    const storage = new AsyncLocalStorage<number>();
    const jobs = [1, 2, 3].map((n) => storage.run(n, () => pool.submit(async () => storage.getStore())));
    expect(await Promise.all(jobs)).toEqual([1, 2, 3]);
  });

  it('p-queue: a worker is not free because the caller of its job stopped waiting', async () => {
    const clock = new VirtualClock();
    const pool = new WorkerPool({ workers: 1, clock });
    const controller = new AbortController();
    const { signal } = controller;
    const slow = (): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, 100));
    const first = pool.submit(slow, { signal });
    let started = false;
    const second = pool.submit(() => {
      started = true;
    });
    controller.abort();
    await clock.advance(99);
    expect([started, pool.stats().active]).toEqual([false, 1]);
    await clock.advance(1);
    await Promise.all([first, second]);
    expect(started).toBe(true);
  });

  it('piscina: saturation is that of the queue, not of the workers', async () => {
    const pool = new WorkerPool({ workers: 2, maxQueue: 1 });
    const notified: boolean[] = [];
    pool.onSaturation((saturated) => notified.push(saturated));
    for (let i = 0; i < 2; i++) void pool.submit(never);
    expect(notified, 'all workers are busy').toEqual([]);
    void pool.submit(never);
    expect(notified, 'the queue is full').toEqual([true]);
  });

  it('effect: a shed job is rejected, and no other job is lost', async () => {
    const pool = new WorkerPool({ workers: 1, maxQueue: 1, autoStart: false });
    const shed = pool.submit(() => 'low', { priority: 0 });
    const kept = pool.submit(() => 'high', { priority: 1 });
    await expect(shed).rejects.toMatchObject({ code: 'SHED' });
    pool.start();
    await expect(kept).resolves.toBe('high');
  });
});
