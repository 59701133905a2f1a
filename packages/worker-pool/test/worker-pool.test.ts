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

  it('starts a job the moment it arrives when a worker is free, and costs nothing while idle', async () => {
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

  it('queues three times its workers by default, and rejects with the time in which the backlog drains', async () => {
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

  it('sheds the least important for a more important job, and tells its owner', async () => {
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

  it('gives a job its context, and passes its error on whether it throws or rejects', async () => {
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

  it('starts nothing before start(), nor after stop(), and loses nothing meanwhile', async () => {
    const { clock, pool, log, submit } = setup({ autoStart: false });
    void submit('a', 10);
    await clock.advance(100);
    expect(log).toEqual([]);
    pool.start();
    await clock.advance(5);
    pool.stop();
    void submit('b', 10, { cost: 2 });
    await clock.advance(100);
    expect(log).toEqual(['a starts at 100', 'a ends at 110']);
    pool.start();
    await clock.advance(10);
    expect(log.at(-1)).toBe('b ends at 215');
  });

  it('drains without closing', async () => {
    const { clock, pool, submit } = setup();
    void ['a', 'b', 'c'].map((name) => submit(name, 10));
    let drained = false;
    void pool.drain().then(() => {
      drained = true;
    });
    await clock.advance(19);
    expect(drained).toBe(false);
    await clock.advance(1);
    expect(drained).toBe(true);
    await expect(pool.submit(() => 1)).resolves.toBe(1);
  });

  it('has told the last caller when it says that it is idle', async () => {
    const { clock, pool, sleep } = setup();
    const heard: string[] = [];
    void pool.submit(() => sleep(10)).then(() => heard.push('job'));
    void pool.drain().then(() => heard.push('idle'));
    await clock.advance(10);
    expect(heard).toEqual(['job', 'idle']);
  });

  it('remembers nothing of what has ended', async () => {
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

  it('counts as rejected whom it rejected, once, and nobody who only had to wait', async () => {
    const { clock, pool, submit } = setup({ workers: 1, maxQueue: 1 });
    void submit('runs', 10);
    void submit('waits', 10);
    expect(pool.stats()).toMatchObject({ queued: 1, rejected: 0 });
    void submit('is one too many', 10);
    expect(pool.stats().rejected, 'at arrival').toBe(1);
    void submit('makes it leave', 10, { priority: 1 });
    expect(pool.stats().rejected, 'while it waited').toBe(2);
    await expect(pool.submit(() => {}, { cost: 2 })).rejects.toThrow(RangeError);
    await clock.advance(20);
    expect(pool.stats()).toMatchObject({ admitted: 2, completed: 2, failed: 0, rejected: 2 });
  });

  it('starts no job that was cancelled after it was handed a worker, and gives that to the next', async () => {
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

  it('has its worker back when the caller hears of the end, whether the job waited, threw or neither', async () => {
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

  it('follows the budget it was given', async () => {
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

  it('tells how long jobs run and wait', async () => {
    const { clock, pool, submit } = setup({ workers: 1 });
    void submit('a', 40);
    void submit('b', 40);
    await clock.advance(80);
    expect(pool.stats()).toMatchObject({ serviceMs: 40, waitMs: 40 });
  });

  it('has aborted its signal also for who asks only after it gave up', async () => {
    const { clock, pool, submit } = setup();
    void submit('runs', 1000);
    await Promise.all([pool.close({ withinMs: 10 }), clock.advance(10)]);
    expect(pool.signal.aborted).toBe(true);
    expect(pool.signal.reason).toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(1000);
  });

  it('closes gracefully: what was accepted is done, also if it was stopped', async () => {
    const { clock, pool, log, submit } = setup({ workers: 1 });
    void submit('a', 10);
    void submit('b', 10);
    pool.stop();
    const { signal } = pool;
    const closed = pool.close();
    void submit('late', 10);
    await clock.advance(20);
    await closed;
    expect(log.at(-1)).toBe('b ends at 20');
    expect(log).toContain('late SHUTTING_DOWN');
    expect(signal.aborted).toBe(false);
  });

  it('gives up at the deadline: every promise settles, running jobs are told, and their workers stay busy', async () => {
    const { clock, pool, log, submit } = setup({ workers: 1 });
    void submit('runs', 100);
    void submit('waits', 10);
    const { signal } = pool;
    const closed = pool.close({ withinMs: 50 });
    await clock.advance(50);
    await closed;
    await clock.advance(0);
    expect(log).toEqual(['runs starts at 0', 'waits SHUTTING_DOWN', 'runs SHUTTING_DOWN']);
    expect(signal.aborted).toBe(true);
    expect(pool.stats().active).toBe(1);
    await clock.advance(50);
    expect(pool.stats()).toMatchObject({ active: 0, completed: 1 });
    await pool[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells a full queue from one that has room again', async () => {
    const { clock, pool, submit } = setup({ workers: 1, maxQueue: 2 });
    const told: boolean[] = [];
    pool.onSaturation((saturated) => told.push(saturated));
    void ['a', 'b', 'c'].map((name) => submit(name, 10));
    await clock.advance(30);
    expect(told).toEqual([true, false]);
  });

  it('gives the loop back between jobs that compute', async () => {
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
