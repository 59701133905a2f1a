import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { numbers, setup, slowSource } from './consume-setup.ts';

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

  it('waits, rather than fail, while other jobs fill the pool', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1 });
    for (let i = 0; i < 4; i++) void pool.submit(() => sleep(10));
    watch(pool.consume([1, 2], () => sleep(10)));
    await clock.advance(100);
    expect(outcome.value).toBe(2);
  });

  it('tries again when its place in the queue goes to a job of higher priority', async () => {
    const { clock, pool, sleep, outcome, watch } = setup({ workers: 1, maxQueue: 1 });
    void pool.submit(() => sleep(10));
    watch(pool.consume([1, 2], () => sleep(10), { priority: -1 }));
    await clock.advance(0);
    expect(pool.stats().queued).toBe(1);
    void pool.submit(() => sleep(10));
    await clock.advance(100);
    expect(outcome.value).toBe(2);
  });

  it.each([0, 3])('lets the event loop turn with an endless source and a queue of %d', async (maxQueue) => {
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

  it('keeps the async context of its caller', async () => {
    const { pool } = setup();
    const storage = new AsyncLocalStorage<string>();
    const seen = new Set<unknown>();
    await storage.run('mine', () => pool.consume(numbers(20), async () => seen.add(storage.getStore())));
    expect([...seen]).toEqual(['mine']);
  });
});
