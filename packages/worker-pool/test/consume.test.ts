import { Readable } from 'node:stream';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../src/index.ts';

function setup(workers = 2) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ workers, clock });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  return { clock, pool, sleep };
}

describe('consume', () => {
  it('asks a generator for the next item only when a worker is free', async () => {
    const { clock, pool, sleep } = setup();
    let pulled = 0;
    let done = 0;
    async function* numbers(): AsyncGenerator<number> {
      while (pulled < 7) yield pulled++;
    }
    const consumed = pool.consume(numbers(), async () => {
      expect(pulled - done).toBeLessThanOrEqual(2);
      await sleep(10);
      done++;
    });
    await clock.advance(10);
    expect(pulled).toBeLessThanOrEqual(4);
    await clock.advance(40);
    await expect(consumed).resolves.toBe(7);
    expect(done).toBe(7);
    expect(pool.stats().running).toBe(0);
  });

  it('lets a Node stream feel the backpressure', async () => {
    const { clock, pool, sleep } = setup(1);
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

  it('stops at the first error, closes the source and waits for what runs', async () => {
    const { clock, pool, sleep } = setup();
    let closed = false;
    let done = 0;
    function* numbers(): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed = true;
      }
    }
    const consumed = pool.consume(numbers(), async (item) => {
      await sleep(item === 1 ? 5 : 50);
      if (item === 1) throw new Error('own');
      done++;
    });
    consumed.catch(() => {});
    await clock.advance(100);
    await expect(consumed).rejects.toThrow('own');
    expect([closed, done, pool.stats().running]).toEqual([true, 1, 0]);
  });

  it('ends with its context, and with an error of the source', async () => {
    const { clock, pool, sleep } = setup(1);
    const endless = pool.consume(
      (function* () {
        for (;;) yield 1;
      })(),
      () => sleep(10),
      { deadline: 25 },
    );
    endless.catch(() => {});
    await clock.advance(50);
    await expect(endless).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const broken = pool.consume(
      (function* () {
        yield 1;
        throw new Error('of the source');
      })(),
      () => {},
    );
    await expect(broken).rejects.toThrow('of the source');
    expect(pool.stats().running).toBe(0);
  });

  it('waits, rather than fail, while other jobs fill the pool', async () => {
    const { clock, pool, sleep } = setup(1);
    for (let i = 0; i < 4; i++) void pool.submit(() => sleep(10));
    const consumed = pool.consume([1, 2], () => sleep(10));
    await clock.advance(100);
    await expect(consumed).resolves.toBe(2);
  });
});
