import { isRejected } from '@bp/core';
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

describe('the life of a pool', () => {
  it('starts no job before start() or after stop(), and loses none', async () => {
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

  it('settles the last call before drain', async () => {
    const { clock, pool, sleep } = setup();
    const seen: string[] = [];
    void pool.submit(() => sleep(10)).then(() => seen.push('job'));
    void pool.drain().then(() => seen.push('idle'));
    await clock.advance(10);
    expect(seen).toEqual(['job', 'idle']);
  });

  it('aborts its signal also if it is read only after close gave up', async () => {
    const { clock, pool, submit } = setup();
    void submit('runs', 1000);
    await Promise.all([pool.close({ withinMs: 10 }), clock.advance(10)]);
    expect(pool.signal.aborted).toBe(true);
    expect(pool.signal.reason).toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(1000);
  });

  it('close finishes the accepted jobs, also if the pool was stopped', async () => {
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

  it('close gives up after withinMs: every promise settles, signal is aborted, and workers stay busy', async () => {
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
});
