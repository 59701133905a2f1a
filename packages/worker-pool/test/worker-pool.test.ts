import { isRejected, systemClock } from '@bp/core';
import { LoopBudget } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

function setup(options: Partial<WorkerPoolOptions> = {}) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ workers: 2, clock, ...options });
  const log: string[] = [];
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  /** A job that runs for `ms`, returns its name, and notes what becomes of it. */
  const submit = (name: string, ms: number, ctx = {}): Promise<void> =>
    pool
      .submit(async () => {
        log.push(`${name} starts at ${clock.now()}`);
        await sleep(ms);
        return name;
      }, ctx)
      .then(
        (result) => void log.push(`${result} ends at ${clock.now()}`),
        (error: unknown) => void log.push(isRejected(error) ? `${name} ${error.code}` : `${name} ${error}`),
      );
  return { clock, pool, log, submit, sleep };
}

describe('WorkerPool', () => {
  it('runs jobs on its workers and gives their results', async () => {
    const { clock, pool, log, submit } = setup();
    void ['a', 'b', 'c'].map((name) => submit(name, 10));
    await clock.advance(20);
    expect(log).toEqual([
      'a starts at 0',
      'b starts at 0',
      'c starts at 10',
      'a ends at 10',
      'b ends at 10',
      'c ends at 20',
    ]);
    expect(pool.stats()).toMatchObject({
      workers: 2,
      active: 0,
      queued: 0,
      admitted: 3,
      completed: 3,
      serviceMs: 10,
    });
  });

  it('starts a job in the call of submit when a worker is free, and costs nothing while idle', async () => {
    const { clock, pool } = setup();
    let started = false;
    const job = pool.submit(() => {
      started = true;
    });
    expect(started).toBe(true);
    await job;
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('queues three times its workers by default, and rejects with the time until the backlog is served', async () => {
    const { clock, pool, submit } = setup();
    void submit('first', 100);
    await clock.advance(100);
    for (let i = 0; i < 8; i++) void submit(`job-${i}`, 100);
    expect(pool.stats()).toMatchObject({ active: 2, queued: 6, maxQueue: 6 });
    expect(pool.estimatedWaitMs()).toBe(350);
    await expect(pool.submit(() => {})).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 350 });
    expect(pool.check()).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 350 });
    expect(pool.check({ priority: 1 }), 'would evict').toBeUndefined();
    expect(pool.trySubmit(() => {})).toBeUndefined();
    expect(pool.stats().rejected).toBe(2);
    await clock.advance(400);
    expect(pool.check()).toBeUndefined();
    await expect(pool.trySubmit(() => 'room again')).resolves.toBe('room again');
  });

  it('evicts the job of lowest priority for one of higher priority', async () => {
    const { clock, log, submit } = setup({ workers: 1, maxQueue: 1 });
    void submit('runs', 10);
    void submit('low', 10);
    void submit('high', 10, { priority: 1 });
    await clock.advance(20);
    expect(log).toEqual([
      'runs starts at 0',
      'low SHED',
      'high starts at 10',
      'runs ends at 10',
      'high ends at 20',
    ]);
  });

  it('passes the context to the job, and its error to the caller, thrown or rejected', async () => {
    const { pool } = setup();
    const ctx = { priority: 5 };
    await expect(pool.execute((given) => given, ctx)).resolves.toBe(ctx);
    const failure = new Error('own');
    const throwing = (): never => {
      throw failure;
    };
    await expect(pool.submit(throwing)).rejects.toBe(failure);
    await expect(pool.submit(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(pool.stats()).toMatchObject({ active: 0, failed: 2, completed: 1 });
  });

  it('keeps no reference to jobs that have ended', async () => {
    const { pool } = setup();
    const ended: WeakRef<object>[] = [];
    const run = async (): Promise<void> => {
      const job = pool.submit(() => 'done');
      const failing = pool.submit(() => Promise.reject(new Error('own')));
      const item = (): void => {};
      await Promise.allSettled([job, failing, pool.consume([1], item)]);
      ended.push(new WeakRef(job), new WeakRef(failing), new WeakRef(item));
    };
    await run();
    await new Promise<void>((resolve) => systemClock.nextTurn(resolve));
    (globalThis as unknown as { gc: () => void }).gc();
    expect(ended.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined]);
  });

  it('counts every rejected job once, and no job that only had to wait', async () => {
    const { clock, pool, submit } = setup({ workers: 1, maxQueue: 1 });
    void submit('runs', 10);
    void submit('waits', 10);
    expect(pool.stats()).toMatchObject({ queued: 1, rejected: 0 });
    void submit('is rejected', 10);
    expect(pool.stats().rejected, 'at arrival').toBe(1);
    void submit('evicts', 10, { priority: 1 });
    expect(pool.stats().rejected, 'while it waited').toBe(2);
    await expect(pool.submit(() => {}, { cost: 2 })).rejects.toThrow(RangeError);
    await clock.advance(20);
    expect(pool.stats()).toMatchObject({ admitted: 2, completed: 2, failed: 0, rejected: 2 });
  });

  it('does not start a job that is cancelled after it got a worker, and starts the next one', async () => {
    const { pool } = setup({ workers: 1, autoStart: false });
    const controller = new AbortController();
    let ran = false;
    const cancelled = pool.submit(
      () => {
        ran = true;
      },
      { signal: controller.signal },
    );
    const next = pool.submit(() => 'next');
    pool.start();
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(next).resolves.toBe('next');
    expect(ran).toBe(false);
    expect(pool.stats()).toMatchObject({ active: 0, admitted: 1, completed: 1, failed: 0, rejected: 1 });
  });

  it('frees the worker before the caller gets the result, whether the job waited, threw or neither', async () => {
    const { pool } = setup({ workers: 1 });
    const failure = new Error('own');
    const running: number[] = [];
    const note = (): void => void running.push(pool.stats().active);
    const started = pool.submit(async () => 1).then(note);
    await started;
    const throwing = pool
      .submit(() => {
        throw failure;
      })
      .catch(note);
    await throwing;
    const ahead = pool.submit(async () => 1);
    const waited = pool.submit(() => Promise.reject(failure)).catch(note);
    await Promise.all([ahead, waited]);
    expect(running).toEqual([0, 0, 0]);
  });

  it('follows the loop budget from its options', async () => {
    const clock = new VirtualClock();
    const pool = new WorkerPool({ workers: 10, clock, loopBudget: new LoopBudget(clock, 10) });
    let started = 0;
    for (let i = 0; i < 20; i++) {
      void pool.submit(() => {
        started++;
        clock.jumpTo(clock.now() + 2);
      });
    }
    expect(started).toBe(5);
    await clock.advance(0);
    expect(started).toBe(20);
  });

  it('measures how long jobs run and wait', async () => {
    const { clock, pool, submit } = setup({ workers: 1 });
    void submit('a', 40);
    void submit('b', 40);
    await clock.advance(80);
    expect(pool.stats()).toMatchObject({ serviceMs: 40, waitMs: 40 });
  });

  it('notifies when its queue is full and when it is back to half', async () => {
    const { clock, pool, submit } = setup({ workers: 1, maxQueue: 2 });
    const notified: boolean[] = [];
    pool.onSaturation((saturated) => notified.push(saturated));
    void ['a', 'b', 'c'].map((name) => submit(name, 10));
    await clock.advance(30);
    expect(notified).toEqual([true, false]);
  });

  it('lets the event loop turn between jobs that compute', async () => {
    const { clock, pool } = setup({ workers: 10 });
    let started = 0;
    const jobs = Array.from({ length: 10 }, () =>
      pool.submit(() => {
        started++;
        clock.jumpTo(clock.now() + 2);
      }),
    );
    expect(started).toBe(3);
    await clock.advance(0);
    await Promise.all(jobs);
  });
});
