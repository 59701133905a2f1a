import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

function setup(options: Partial<WorkerPoolOptions> = {}) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ workers: 2, clock, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  const outcome = { value: 'pending' as unknown };
  const watch = (consumed: Promise<number>): void => {
    consumed.then(
      (count) => {
        outcome.value = count;
      },
      (error: { code?: string; message: string }) => {
        outcome.value = error.code ?? error.message;
      },
    );
  };
  return { clock, pool, sleep, outcome, watch };
}

function* numbers(until = Number.POSITIVE_INFINITY): Generator<number> {
  for (let i = 0; i < until; i++) yield i;
}

/** A source that gives an item when it is told to, and notes when it is closed. @param closes - whether closing it ends. */
function slowSource(closes = false) {
  const waiting: ((next: IteratorResult<number>) => void)[] = [];
  const source = {
    asked: 0,
    closed: false,
    give: (value: number) => waiting.shift()?.({ value, done: false }),
    end: () => waiting.shift()?.({ value: undefined, done: true }),
    [Symbol.asyncIterator]: () => ({
      next: () => {
        source.asked++;
        return new Promise<IteratorResult<number>>((resolve) => waiting.push(resolve));
      },
      return: () => {
        source.closed = true;
        return new Promise<IteratorResult<number>>((resolve) => {
          if (closes) resolve({ value: undefined, done: true });
        });
      },
    }),
  };
  return source;
}

describe('consume', () => {
  it('asks a generator for the next item only when a worker is free', async () => {
    const { clock, pool, sleep } = setup();
    let pulled = 0;
    let done = 0;
    async function* counted(): AsyncGenerator<number> {
      while (pulled < 7) yield pulled++;
    }
    const consumed = pool.consume(counted(), async () => {
      expect(pulled - done).toBeLessThanOrEqual(2);
      await sleep(10);
      done++;
    });
    await clock.advance(10);
    expect(pulled).toBeLessThanOrEqual(4);
    await clock.advance(40);
    await expect(consumed).resolves.toBe(7);
    expect(done).toBe(7);
    expect(pool.stats()).toMatchObject({ active: 0, admitted: 7, completed: 7, failed: 0 });
  });

  it('waits for the last job after the source has ended', async () => {
    const { clock, pool, sleep, outcome, watch } = setup();
    watch(pool.consume([1, 2], () => sleep(10)));
    await clock.advance(9);
    expect(outcome.value).toBe('pending');
    await clock.advance(1);
    expect(outcome.value).toBe(2);
  });

  it('lets a Node stream feel the backpressure', async () => {
    const { clock, pool, sleep } = setup({ workers: 1 });
    let produced = 0;
    const stream = new Readable({
      objectMode: true,
      highWaterMark: 2,
      read() {
        this.push(produced < 50 ? produced++ : null);
      },
    });
    const seen: number[] = [];
    const consumed = pool.consume<number>(stream, async (item) => {
      seen.push(item);
      await sleep(10);
    });
    await clock.advance(30);
    expect(produced).toBeLessThan(10);
    await clock.advance(1000);
    await expect(consumed).resolves.toBe(50);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('keeps no worker waiting for a slow source', async () => {
    const { clock, pool, outcome, watch } = setup({ workers: 1 });
    const source = slowSource();
    const seen: number[] = [];
    watch(pool.consume(source, (item) => void seen.push(item)));
    await clock.advance(0);
    expect([source.asked, pool.stats().active]).toEqual([1, 0]);
    await expect(pool.submit(() => 'others run meanwhile')).resolves.toBe('others run meanwhile');
    await pool.drain();
    source.give(7);
    await clock.advance(0);
    expect(seen).toEqual([7]);
    source.end();
    await clock.advance(0);
    expect(outcome.value).toBe(1);
  });

  it('lets an item wait its turn if others took the workers while the source was slow', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1, maxQueue: 1 });
    const source = slowSource();
    const ran: string[] = [];
    watch(pool.consume(source, (item) => void ran.push(`item ${item}`)));
    await clock.advance(0);
    for (const name of ['a', 'b']) {
      void pool.submit(() => {
        ran.push(name);
        return sleep(10);
      });
    }
    source.give(1);
    await clock.advance(0);
    expect([ran, source.asked]).toEqual([['a'], 1]);
    await clock.advance(20);
    expect(ran).toEqual(['a', 'b', 'item 1']);
    source.end();
    await clock.advance(0);
    expect(outcome.value).toBe(1);
  });

  it('stops at the first error, closes the source and waits for what runs', async () => {
    const { clock, pool, sleep, outcome, watch } = setup();
    let closed = false;
    let done = 0;
    function* items(): Generator<number> {
      try {
        yield* numbers();
      } finally {
        closed = true;
      }
    }
    watch(
      pool.consume(items(), async (item) => {
        await sleep(item === 1 ? 5 : 50);
        if (item === 1) throw new Error('own');
        done++;
      }),
    );
    await clock.advance(40);
    expect(outcome.value).toBe('pending');
    await clock.advance(60);
    expect([outcome.value, closed, done]).toEqual(['own', true, 1]);
    expect(pool.stats()).toMatchObject({ active: 0, completed: 1, failed: 1 });
  });

  it('fails with the first of several errors', async () => {
    const { clock, pool, sleep, outcome, watch } = setup();
    watch(
      pool.consume(numbers(), async (item) => {
        await sleep(10 - item);
        throw new Error(`of item ${item}`);
      }),
    );
    await clock.advance(100);
    expect(outcome.value).toBe('of item 1');
  });

  it('hands jobs the context, and ends with it, also while the source keeps it waiting', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1 });
    const ctx = { deadline: 25 };
    const seen = new Set<unknown>();
    watch(
      pool.consume(
        numbers(),
        (_item, given) => {
          seen.add(given);
          return sleep(10);
        },
        ctx,
      ),
    );
    await clock.advance(50);
    expect([outcome.value, [...seen]]).toEqual(['DEADLINE_EXCEEDED', [ctx]]);

    const controller = new AbortController();
    const source = slowSource();
    watch(pool.consume(source, () => {}, { signal: controller.signal }));
    await clock.advance(0);
    controller.abort();
    await clock.advance(0);
    expect([outcome.value, source.closed]).toEqual(['CANCELLED', true]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no timer behind when it is done before its deadline', async () => {
    const { clock, pool } = setup();
    await expect(pool.consume([1, 2, 3], () => {}, { deadline: 1000 })).resolves.toBe(3);
    expect(clock.pendingTimers).toBe(0);
  });

  it('passes on an error of the source, and ignores one of its closing', async () => {
    const { pool } = setup({ workers: 1 });
    const broken = (async function* () {
      yield 1;
      throw new Error('of the source');
    })();
    await expect(pool.consume(broken, () => {})).rejects.toThrow('of the source');
    const stubborn = (function* () {
      try {
        yield* numbers();
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
        throw new Error('of its closing');
      }
    })();
    const failing = (): never => {
      throw new Error('of the job');
    };
    await expect(pool.consume(stubborn, failing)).rejects.toThrow('of the job');
    expect(pool.stats()).toMatchObject({ active: 0, admitted: 2 });
  });

  it('waits, rather than fail, while other jobs fill the pool', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1 });
    for (let i = 0; i < 4; i++) void pool.submit(() => sleep(10));
    watch(pool.consume([1, 2], () => sleep(10)));
    await clock.advance(100);
    expect(outcome.value).toBe(2);
  });

  it('tries again when its place in the queue goes to somebody more important', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1, maxQueue: 1 });
    void pool.submit(() => sleep(10));
    watch(pool.consume([1, 2], () => sleep(10), { priority: -1 }));
    await clock.advance(0);
    expect(pool.stats().queued).toBe(1);
    void pool.submit(() => sleep(10));
    await clock.advance(100);
    expect(outcome.value).toBe(2);
  });

  it.each([0, 3])('gives the loop back to others with an endless source, queue of %d', async (maxQueue) => {
    const { clock, pool, outcome, watch } = setup({ workers: 4, maxQueue });
    const controller = new AbortController();
    let ran = 0;
    const job = (): void => {
      if (++ran > 1000) throw new Error('the loop never came back');
      clock.jumpTo(clock.now() + 1);
    };
    watch(pool.consume(numbers(), job, { signal: controller.signal }));
    let turns = 0;
    const tick = (): void => {
      turns++;
      if (turns === 10) controller.abort();
      else clock.nextTurn(tick);
    };
    clock.nextTurn(tick);
    await clock.advance(0);
    expect(outcome.value).toBe('CANCELLED');
    expect(ran / turns, `${ran} jobs in ${turns} turns`).toBeLessThan(7);
  });

  it('ends when the pool closes: what was started is done, nothing more is asked for', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1 });
    let done = 0;
    watch(
      pool.consume(numbers(), async () => {
        await sleep(10);
        done++;
      }),
    );
    await clock.advance(15);
    let closed = false;
    void pool.close().then(() => {
      closed = true;
    });
    await clock.advance(100);
    expect([closed, outcome.value, done]).toEqual([true, 'SHUTTING_DOWN', 2]);
  });

  it('ends when the pool closes while the source keeps it waiting', async () => {
    const { clock, pool, outcome, watch } = setup({ workers: 1 });
    const source = slowSource();
    watch(pool.consume(source, () => {}));
    await clock.advance(0);
    await Promise.all([pool.close(), clock.advance(0)]);
    await clock.advance(0);
    expect([outcome.value, source.closed]).toEqual(['SHUTTING_DOWN', true]);
  });

  it('settles when the pool gives up on its jobs', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1 });
    watch(pool.consume(numbers(), () => sleep(1000)));
    await clock.advance(0);
    const { signal } = pool;
    void pool.close({ withinMs: 50 });
    await clock.advance(60);
    expect([outcome.value, signal.aborted, pool.stats().active]).toEqual(['SHUTTING_DOWN', true, 1]);
    await clock.advance(1000);
    expect(pool.stats()).toMatchObject({ active: 0, completed: 1 });
  });

  it('keeps the async context of its caller', async () => {
    const { pool } = setup();
    const storage = new AsyncLocalStorage<string>();
    const seen = new Set<unknown>();
    await storage.run('mine', () => pool.consume(numbers(20), async () => seen.add(storage.getStore())));
    expect([...seen]).toEqual(['mine']);
  });

  it('starts no item after it has failed, also if the item comes or finds a worker only then', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 2, maxQueue: 5 });
    const ran: number[] = [];
    const source = slowSource(true);
    watch(
      pool.consume(source, async (item) => {
        ran.push(item);
        await sleep(20);
        throw new Error('of the first job');
      }),
    );
    await clock.advance(0);
    source.give(1);
    await clock.advance(10);
    // Other jobs take both workers, so that the next item has to wait for one.
    for (let i = 0; i < 4; i++) void pool.submit(() => sleep(15));
    source.give(2);
    await clock.advance(1000);
    expect(ran).toEqual([1]);
    expect(outcome.value).toBe('of the first job');
    expect(pool.stats()).toMatchObject({ active: 0, admitted: 5, completed: 4, failed: 1 });
  });
});
