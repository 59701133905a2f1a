import { describe, expect, it } from 'vitest';
import { numbers, setup, slowSource } from './consume-setup.ts';

describe('the end of consume', () => {
  it('stops at the first error, closes the source and waits for the running jobs', async () => {
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

  it('passes the context to jobs, and ends with it, also while it waits for the source', async () => {
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

  it('ends when the pool closes: started jobs finish, and no more items are asked for', async () => {
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
