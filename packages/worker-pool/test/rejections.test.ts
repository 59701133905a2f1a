import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesAllocated, NO_BYTES } from '../../../.config/memory.ts';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

function setup(options: Partial<WorkerPoolOptions> = {}) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ name: 'mail', workers: 1, maxQueue: 1, clock, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  const seen: RejectedError[] = [];
  const stop = pool.onRejected((rejection) => seen.push(rejection));
  return { clock, pool, sleep, seen, stop };
}

const caught = (error: unknown): unknown => error;

describe('onRejected', () => {
  it('gets every rejection of a job once, and no job that only had to wait', async () => {
    const { clock, pool, sleep, seen } = setup();
    void pool.submit(() => sleep(10));
    const evicted = pool.submit(() => 1).catch(caught);
    const waits = pool.submit(() => 2, { priority: 1 });
    const full = pool.submit(() => 3).catch(caught);
    expect(pool.trySubmit(() => 4)).toBeUndefined();
    await clock.advance(10);
    expect(await waits).toBe(2);
    expect(seen).toEqual([seen[0], await evicted, await full]);
    expect(seen.map(({ code, rejectedBy }) => `${rejectedBy} ${code}`)).toEqual([
      'mail QUEUE_FULL',
      'mail SHED',
      'mail QUEUE_FULL',
    ]);
    expect(pool.stats()).toMatchObject({ admitted: 2, completed: 2, rejected: 3 });
  });

  it('gets no error of a job, nor a rejection by another primitive that a job threw', async () => {
    const { pool, seen } = setup();
    const other = new WorkerPool({ workers: 1, maxQueue: 0 });
    void other.submit(() => new Promise(() => {}));
    await expect(pool.submit(() => other.submit(() => 1))).rejects.toMatchObject({
      code: 'CONCURRENCY_LIMIT',
    });
    await expect(pool.submit(() => Promise.reject(new Error('own')))).rejects.toThrow('own');
    expect([seen, pool.stats()]).toMatchObject([[], { rejected: 0, failed: 2 }]);
  });

  it('gets the jobs that close gave up on before they were started', async () => {
    const { clock, pool, sleep, seen } = setup();
    void pool.submit(() => sleep(100)).catch(caught);
    const waits = pool.submit(() => 1).catch(caught);
    await Promise.all([pool.close({ withinMs: 10 }), clock.advance(10)]);
    expect(await waits).toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(100);
    expect(seen.map(({ code }) => code)).toEqual(['SHUTTING_DOWN']);
    expect(pool.stats()).toMatchObject({ admitted: 1, rejected: 1 });
  });

  it('costs trySubmit nothing without listeners', async () => {
    const { pool, stop } = setup({ maxQueue: 0 });
    stop();
    void pool.submit(() => new Promise(() => {}));
    const job = (): void => {};
    expect(bytesAllocated(() => pool.trySubmit(job))).toBeLessThan(NO_BYTES / 2);
  });
});

describe('a pool as the source of a load gate', () => {
  it('is used again at once after an incident', async () => {
    const { clock, pool, sleep } = setup({ workers: 10, maxQueue: 100 });
    for (let i = 0; i < 60; i++) void pool.submit(() => sleep(10_000));
    await clock.advance(60_000);
    for (let i = 0; i < 5000; i++) {
      void pool.submit(() => sleep(10));
      await clock.advance(10);
    }
    await clock.advance(3_600_000);
    // A gate admits what waits less than 100 ms.
    let admitted = 0;
    for (let i = 0; i < 60; i++) {
      if ((pool.estimatedWaitMs() ?? 0) >= 100) continue;
      admitted++;
      void pool.submit(() => sleep(10));
    }
    expect(admitted).toBe(60);
    await clock.advance(100);
    expect(pool.stats()).toMatchObject({ active: 0, queued: 0, rejected: 0 });
  });

  it('has no estimate until its first job has run for a while, and never says 0 for unknown', async () => {
    const { clock, pool, sleep } = setup({ workers: 1, maxQueue: 10 });
    expect(pool.estimatedWaitMs()).toBe(0);
    void pool.submit(() => sleep(500));
    expect([pool.estimatedWaitMs(), pool.retryAfterMs()]).toEqual([undefined, undefined]);
    for (let i = 0; i < 10; i++) void pool.submit(() => sleep(500));
    await expect(pool.submit(() => 1)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: undefined });
    await clock.advance(500);
    expect(pool.estimatedWaitMs()).toBe(5000);
    await clock.advance(10_000);
  });

  it('says never for a cost above its workers', () => {
    const { pool } = setup({ workers: 2 });
    expect(pool.retryAfterMs({ cost: 3 })).toBe(Number.POSITIVE_INFINITY);
    expect(pool.trySubmit(() => 1, { cost: 3 })).toBeUndefined();
  });
});
