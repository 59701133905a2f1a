import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue, type FairQueueOptions } from '../src/index.ts';

/** What each of `keys` clients is served in `takes` takes, if each tries to push after every take, always in the same order. */
function shares(
  keys: number,
  takes: number,
  options: FairQueueOptions<number>,
  cost = (_key: number) => 1,
): number[] {
  const queue = new FairQueue<number>(options);
  const served = new Array<number>(keys).fill(0);
  for (let i = 0; i < takes; i++) {
    for (let key = 0; key < keys; key++) queue.tryPush(key, { key: `${key}`, cost: cost(key) });
    const key = queue.tryTake() as number;
    served[key] = (served[key] as number) + cost(key);
  }
  return served;
}

const expectEqualShares = (served: readonly number[], tolerance: number): void => {
  const mean = served.reduce((sum, share) => sum + share, 0) / served.length;
  for (const [key, share] of served.entries()) {
    expect(share / mean, `key ${key}`).toBeGreaterThan(1 - tolerance);
    expect(share / mean, `key ${key}`).toBeLessThan(1 + tolerance);
  }
};

describe('more keys than items fit', () => {
  it.each([1, 2, 50])('have equal shares of a queue of %d items', (capacity) => {
    expectEqualShares(shares(100, 5000, { capacity }), 0.05);
  });

  it('have equal shares of a queue that is bounded by weight', () => {
    expectEqualShares(shares(100, 5000, { capacity: 1000, maxWeight: 50 }), 0.05);
  });

  it('have equal shares by weight, whatever their items weigh', () => {
    const served = shares(40, 8000, { capacity: 20 }, (key) => 1 + (key % 4));
    expectEqualShares(served, 0.1);
  });

  it('have equal shares also for a key that pushes ten times as often', () => {
    const queue = new FairQueue<number>({ capacity: 10 });
    const served = new Array<number>(30).fill(0);
    for (let i = 0; i < 6000; i++) {
      for (let push = 0; push < 10; push++) queue.tryPush(0, { key: '0' });
      for (let key = 1; key < 30; key++) queue.tryPush(key, { key: `${key}` });
      const key = queue.tryTake() as number;
      served[key] = (served[key] as number) + 1;
    }
    expectEqualShares(served, 0.1);
  });

  it('delay a key by no more than `maxKeys` items, however many new keys come', () => {
    const queue = new FairQueue<string>({ capacity: 10, maxKeys: 100 });
    let fresh = 0;
    const flood = (): void => {
      for (let i = 0; i < 20; i++) queue.tryPush('fresh', { key: `fresh ${fresh++}` });
    };
    const waits: number[] = [];
    let waited = 0;
    for (let i = 0; i < 3000; i++) {
      flood();
      queue.tryPush('known', { key: 'known' });
      waited++;
      if (queue.tryTake() !== 'known') continue;
      waits.push(waited);
      waited = 0;
    }
    expect(waits.length).toBeGreaterThan(3000 / 150);
    expect(Math.max(...waits)).toBeLessThanOrEqual(150);
  });

  it('have equal shares after a million items, too', () => {
    const queue = new FairQueue<number>({ capacity: 4 });
    for (let i = 0; i < 2 ** 20 + 5; i++) {
      queue.tryPush(i, { key: 'only' });
      queue.tryTake();
    }
    const served = new Array<number>(6).fill(0);
    for (let i = 0; i < 600; i++) {
      for (let key = 0; key < 6; key++) queue.tryPush(key, { key: `${key}` });
      const key = queue.tryTake() as number;
      served[key] = (served[key] as number) + 1;
    }
    expectEqualShares(served, 0.05);
  });
});

describe('evicting for a heavy item', () => {
  it('takes from the key with the largest backlog each time, not all from one key', () => {
    const dropped: string[] = [];
    const queue = new FairQueue<string>({
      capacity: 100,
      maxWeight: 20,
      onDrop: (item) => void dropped.push(item),
    });
    for (const key of ['a', 'b']) for (let i = 0; i < 10; i++) queue.tryPush(`${key}${i}`, { key });
    expect(queue.tryPush('heavy', { key: 'c', cost: 6 })).toBe(true);
    expect(dropped.filter((item) => item.startsWith('a')).length).toBe(3);
    expect(dropped.filter((item) => item.startsWith('b')).length).toBe(3);
    expect(dropped).toEqual(expect.arrayContaining(['a9', 'a8', 'a7', 'b9', 'b8', 'b7']));
  });

  it('leaves every key as much as the new item brings its own key', () => {
    const queue = new FairQueue<string>({ capacity: 100, maxWeight: 20 });
    for (const key of ['a', 'b']) for (let i = 0; i < 10; i++) queue.tryPush(key, { key });
    expect(queue.tryPush('heavy', { key: 'c', cost: 7 })).toBe(false);
    expect(queue.size).toBe(20);
    expect(queue.tryPush('heavy', { key: 'c', cost: 6.5 })).toBe(true);
  });

  it('evicts nothing for an item that is rejected, and enough for one that is accepted', () => {
    const item = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      priority: fc.constantFrom(0, 0, 0, 1),
      cost: fc.constantFrom(0.1, 0.5, 1, 2, 5, 9.7),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 150 }), (items) => {
        let dropped = 0;
        const queue = new FairQueue<number>({ capacity: 12, maxWeight: 10, onDrop: () => void dropped++ });
        for (const { take, ...ctx } of items) {
          if (take) queue.tryTake();
          const before = dropped;
          const room = queue.hasRoom(ctx);
          const { size } = queue;
          expect(queue.tryPush(0, ctx)).toBe(room);
          if (!room) expect(dropped).toBe(before);
          expect(queue.size).toBe(size + (room ? 1 : 0) - (dropped - before));
          expect(queue.stats().weight).toBeLessThanOrEqual(10 * (1 + 1e-9));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('counts only what a key has queued, not what it was served before', () => {
    const queue = new FairQueue<string>({ capacity: 100, maxWeight: 10 });
    queue.tryPush('served', { key: 'a', cost: 5 });
    queue.tryTake();
    queue.tryPush('small', { key: 'a', cost: 0.1 });
    queue.tryPush('high', { key: 'c', cost: 9.7, priority: 1 });
    expect(queue.tryPush('b', { key: 'b', cost: 0.5 })).toBe(false);
    expect(queue.size).toBe(2);
    expect(queue.tryPush('b', { key: 'b', cost: 0.3 })).toBe(true);
    expect(queue.size).toBe(2);
  });

  it('lets no light item evict a heavy one that is served as soon', () => {
    const queue = new FairQueue<string>({ capacity: 2 });
    queue.tryPush('heavy', { key: 'a', cost: 10 });
    queue.tryPush('light', { key: 'b' });
    expect(queue.tryPush('other', { key: 'c' })).toBe(false);
    expect(queue.tryPush('second', { key: 'b' })).toBe(false);
    expect([queue.tryTake(), queue.tryTake()]).toEqual(['heavy', 'light']);
  });
});
