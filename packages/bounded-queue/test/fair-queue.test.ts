import type { CallContext, RejectedError } from '@bp/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../src/index.ts';

function setup(capacity = 100, maxWeight?: number) {
  const notified: string[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void notified.push(`${item} ${code}`);
  return { notified, queue: new FairQueue<string>({ capacity, maxWeight, onDrop }) };
}

const drain = (queue: FairQueue<string>): string => {
  let items = '';
  for (let item = queue.tryTake(); item !== undefined; item = queue.tryTake()) items += item;
  return items;
};

/** The shares of `capacity` where no client can get more without taking it from a client that has less. */
function maxMinShares(demands: readonly number[], capacity: number): number[] {
  const shares = demands.map(() => 0);
  let open = demands.map((_, i) => i);
  let left = capacity;
  while (open.length > 0 && left > 1e-12) {
    const each = left / open.length;
    const content = open.filter((i) => (demands[i] as number) <= each);
    const given = content.length > 0 ? content : open;
    for (const i of given) {
      shares[i] = content.length > 0 ? (demands[i] as number) : each;
      left -= shares[i] as number;
    }
    open = open.filter((i) => !given.includes(i));
  }
  return shares;
}

describe('FairQueue', () => {
  it('alternates between keys, first in, first out within each', () => {
    const { queue } = setup();
    for (const item of 'aAbBc') queue.tryPush(item, { key: 'many' });
    queue.tryPush('1', { key: 'one' });
    for (const item of 'xy') queue.tryPush(item, { key: 'two' });
    expect(drain(queue)).toBe('a1xAybBc');
  });

  it('counts weight, not items', () => {
    const { queue } = setup();
    for (const item of 'HHHH') queue.tryPush(item, { key: 'heavy', cost: 3 });
    for (const item of 'llllll') queue.tryPush(item, { key: 'light' });
    expect(drain(queue)).toBe('HlllHlllHH');
  });

  it('counts all items without a key as one key', () => {
    const { queue } = setup();
    for (const item of 'abc') queue.tryPush(item);
    queue.tryPush('1', { key: 'one' });
    queue.tryPush('d', { priority: 0 });
    expect(drain(queue)).toBe('a1bcd');
  });

  it('hands out higher priorities first, whatever the key', () => {
    const { queue } = setup();
    for (const item of 'ab') queue.tryPush(item, { key: 'many' });
    queue.tryPush('1', { key: 'one' });
    for (const item of 'AB') queue.tryPush(item, { key: 'many', priority: 1 });
    queue.tryPush('!', { key: 'one', priority: 1 });
    expect(drain(queue)).toBe('A!Ba1b');
  });

  it('gives a key that always has one item queued no more than its share', () => {
    const { queue } = setup();
    for (let i = 0; i < 40; i++) queue.tryPush('m', { key: `${i % 4}` });
    let served = '';
    queue.tryPush('s', { key: 'sly' });
    for (let i = 0; i < 25; i++) {
      const item = queue.tryTake() as string;
      served += item;
      if (item === 's') queue.tryPush('s', { key: 'sly' });
    }
    expect([...served].filter((item) => item === 's').length).toBe(5);
  });

  it('does not charge a key for its cancelled items', () => {
    const { queue, notified } = setup();
    const controller = new AbortController();
    queue.tryPush('1', { key: 'one' });
    for (let i = 0; i < 10; i++) queue.tryPush('c', { key: 'two', signal: controller.signal, cost: 5 });
    queue.tryPush('a', { key: 'two' });
    queue.tryPush('2', { key: 'one' });
    controller.abort();
    expect(notified.length).toBe(10);
    expect(drain(queue)).toBe('1a2');
  });

  it('moves no key forward because another item of it was cancelled', () => {
    const { queue } = setup();
    const controller = new AbortController();
    for (const item of 'abcdef') queue.tryPush(item, { key: 'many' });
    queue.tryPush('W', { key: 'two', cost: 3 });
    queue.tryPush('X', { key: 'two', cost: 5, signal: controller.signal });
    queue.tryPush('2', { key: 'two' });
    expect([1, 2, 3, 4].map(() => queue.tryTake()).join('')).toBe('aWbc');
    controller.abort();
    expect(queue.tryTake()).toBe('2');
    queue.tryPush('n', { key: 'new' });
    expect(drain(queue)).toBe('dnef');
  });

  it('estimates the weight ahead of a new item: of each other key as much as its own key then has', () => {
    const { queue } = setup();
    for (let i = 0; i < 20; i++) queue.tryPush('m', { key: 'many' });
    queue.tryPush('f', { key: 'few', cost: 2 });
    const ahead = (key: string, cost?: number): number => queue.weightAhead({ key, cost });
    expect([ahead('new'), ahead('new', 5), ahead('few'), ahead('many')]).toEqual([2, 7, 5, 22]);
  });

  it('evicts the newest items of the key with the largest backlog, until all have as much', () => {
    const { queue, notified } = setup(4);
    for (const item of 'abcd') queue.tryPush(item, { key: 'many' });
    expect(queue.tryPush('e', { key: 'many' })).toBe(false);
    expect(queue.tryPush('1', { key: 'one' })).toBe(true);
    expect(queue.tryPush('2', { key: 'one' })).toBe(true);
    expect(queue.tryPush('3', { key: 'one' })).toBe(false);
    expect(queue.tryPush('x', { key: 'other' })).toBe(true);
    expect(notified).toEqual(['d SHED', 'c SHED', 'b SHED']);
    expect(drain(queue)).toBe('a1x2');
  });

  it('evicts as much as a new item weighs, and nothing if that is not enough', () => {
    const { queue, notified } = setup(100, 10);
    for (const item of 'abcdefghij') queue.tryPush(item, { key: 'many' });
    expect(queue.tryPush('X', { key: 'one', cost: 6 })).toBe(false);
    expect(notified).toEqual([]);
    expect(queue.tryPush('X', { key: 'one', cost: 4 })).toBe(true);
    expect(notified).toEqual(['j SHED', 'i SHED', 'h SHED', 'g SHED']);
  });

  it('evicts lower priorities first, from the key with the largest backlog', () => {
    const { queue, notified } = setup(4);
    for (const item of 'ab') queue.tryPush(item, { key: 'many', priority: -1 });
    queue.tryPush('1', { key: 'one', priority: -1 });
    queue.tryPush('!', { key: 'many' });
    expect(queue.tryPush('?', { key: 'many' })).toBe(true);
    expect(notified).toEqual(['b SHED']);
  });

  it('shares between as many keys as there are items, and takes new keys again and again', () => {
    const { queue } = setup(1000);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 1000; i++) expect(queue.tryPush('x', { key: `${round}-${i}` })).toBe(true);
      expect(drain(queue).length).toBe(1000);
    }
  });

  const client = fc.record({
    /** What it sends, as a share of all that is served. */
    load: fc.double({ min: 0.02, max: 4, noNaN: true }),
    cost: fc.integer({ min: 1, max: 3 }),
  });

  it('is max-min fair within 2 % of all that is served, whatever the clients send', () => {
    fc.assert(
      fc.property(fc.array(client, { minLength: 2, maxLength: 8 }), (clients) => {
        const total = 20_000;
        const queue = new FairQueue<number>({ capacity: 200 });
        const credit = clients.map(() => 0);
        const served = clients.map(() => 0);
        let done = 0;
        let free = 0;
        while (done < total) {
          // One unit of weight is served in each tick; each client sends what its load says.
          for (const [i, { load, cost }] of clients.entries()) {
            for (credit[i] = (credit[i] as number) + load; (credit[i] as number) >= cost; ) {
              credit[i] = (credit[i] as number) - cost;
              queue.tryPush(i, { key: `client ${i}`, cost });
            }
          }
          free++;
          done++;
          if (free <= 0) continue;
          const item = queue.tryTake();
          if (item === undefined) {
            free = Math.min(free, 0);
            continue;
          }
          const { cost } = clients[item] as { cost: number };
          served[item] = (served[item] as number) + cost;
          free -= cost;
        }
        const fair = maxMinShares(
          clients.map(({ load }) => load * total),
          total,
        );
        for (const [i, share] of fair.entries()) {
          expect(Math.abs((served[i] as number) - share) / total).toBeLessThan(0.02);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('knows the weight ahead of a new item, to within one item of each key', () => {
    const item = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 60 }), fc.constantFrom('a', 'z'), (items, key) => {
        const queue = new FairQueue<string>({ capacity: 1000 });
        for (const { key, take } of items) {
          if (take) queue.tryTake();
          else queue.tryPush('x', { key });
        }
        const expected = queue.weightAhead({ key });
        queue.tryPush('new', { key });
        let ahead = 0;
        while (queue.tryTake() !== 'new') ahead++;
        expect(Math.abs(ahead - expected)).toBeLessThanOrEqual(4);
      }),
    );
  });

  const step = fc.record({
    do: fc.constantFrom('push', 'push', 'push', 'take', 'cancel'),
    ctx: fc.record({
      key: fc.constantFrom('a', 'b', 'c', undefined),
      priority: fc.constantFrom(0, 0, 0, 1),
      cost: fc.constantFrom(1, 1, 2),
    }),
    which: fc.nat(200),
  });

  it('stays bounded and loses no item, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ended = new Map<number, string>();
        const end = (id: number, how: string): void => {
          expect(ended.has(id)).toBe(false);
          ended.set(id, how);
        };
        const queue = new FairQueue<number>({
          capacity: 8,
          maxWeight: 10,
          onDrop: (id, { code }) => end(id, code),
        });
        const controllers: AbortController[] = [];
        const waiting = new Map<number, CallContext>();
        for (const { do: what, ctx, which } of steps) {
          if (what === 'push') {
            const id = controllers.length;
            const controller = new AbortController();
            controllers.push(controller);
            const room = queue.hasRoom(ctx);
            const accepted = queue.tryPush(id, { ...ctx, signal: controller.signal });
            expect(accepted).toBe(room);
            if (accepted) waiting.set(id, ctx);
          } else if (what === 'take') {
            const id = queue.tryTake();
            if (id !== undefined) {
              const most = Math.max(...[...waiting.values()].map(({ priority = 0 }) => priority));
              expect(waiting.get(id)?.priority).toBe(most);
              end(id, 'taken');
            }
          } else {
            controllers[which]?.abort();
          }
          for (const id of ended.keys()) waiting.delete(id);
          expect(queue.size).toBe(waiting.size);
          const weight = [...waiting.values()].reduce((sum, { cost = 1 }) => sum + cost, 0);
          expect(queue.stats().weight).toBe(weight);
          expect(queue.size).toBeLessThanOrEqual(8);
          expect(weight).toBeLessThanOrEqual(10);
        }
      }),
      { numRuns: 300 },
    );
  });
});
