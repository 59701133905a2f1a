import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { PriorityQueue } from '../src/index.ts';

function setup(capacity = 3, maxWeight?: number) {
  const notified: string[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void notified.push(`${item} ${code}`);
  return { notified, queue: new PriorityQueue<string>({ capacity, maxWeight, onDrop }) };
}

const drain = (queue: PriorityQueue<string>): string[] => {
  const items: string[] = [];
  for (let item = queue.tryTake(); item !== undefined; item = queue.tryTake()) items.push(item);
  return items;
};

describe('PriorityQueue', () => {
  it('hands out the highest priority first, first in, first out among equals', () => {
    const { queue } = setup(10);
    queue.tryPush('low-1', { priority: -1 });
    queue.tryPush('plain-1');
    queue.tryPush('high-1', { priority: 7.5 });
    queue.tryPush('plain-2');
    queue.tryPush('high-2', { priority: 7.5 });
    expect(drain(queue)).toEqual(['high-1', 'high-2', 'plain-1', 'plain-2', 'low-1']);
  });

  it('evicts the newest item of the lowest priority for a higher one, and for no other', () => {
    const { queue, notified } = setup(2);
    queue.tryPush('old');
    queue.tryPush('new');
    expect(queue.tryPush('equal')).toBe(false);
    expect(queue.tryPush('less', { priority: -1 })).toBe(false);
    expect(queue.tryPush('more', { priority: 1 })).toBe(true);
    expect(notified).toEqual(['new SHED']);
    expect(drain(queue)).toEqual(['more', 'old']);
  });

  it('evicts as many items as a heavy item needs, or none', () => {
    const { queue, notified } = setup(10, 4);
    queue.tryPush('a', { cost: 2 });
    queue.tryPush('b', { cost: 2, priority: 2 });
    expect(queue.tryPush('heavy', { cost: 4, priority: 1 })).toBe(false);
    expect(notified).toEqual([]);
    expect(queue.tryPush('heavy', { cost: 4, priority: 3 })).toBe(true);
    expect(notified).toEqual(['a SHED', 'b SHED']);
  });

  it('drops the lowest priority on demand', () => {
    const { queue, notified } = setup(5);
    queue.tryPush('a');
    queue.tryPush('high', { priority: 1 });
    queue.tryPush('b');
    expect(queue.dropLowest()).toBe(2);
    expect(notified.sort()).toEqual(['a SHED', 'b SHED']);
    expect(queue.dropLowest()).toBe(1);
    expect(queue.dropLowest()).toBe(0);
  });

  it('takes any number of priorities', () => {
    const { queue } = setup(1000);
    // 7919 and 1000 have no divisor in common, so every priority from 0 to 999 comes once.
    for (let i = 0; i < 1000; i++) queue.tryPush(`${(i * 7919) % 1000}`, { priority: (i * 7919) % 1000 });
    expect(drain(queue)).toEqual(Array.from({ length: 1000 }, (_, i) => `${999 - i}`));
    expect(queue.size).toBe(0);
  });

  it('rejects a priority that is no number', async () => {
    const { queue } = setup();
    await expect(queue.push('nan', { priority: Number.NaN })).rejects.toThrow('priority must be a number');
    expect(queue.tryPush('nan', { priority: Number.NaN })).toBe(false);
    expect(queue.size).toBe(0);
  });

  it('knows the weight ahead of a new item', () => {
    const { queue } = setup(10);
    queue.tryPush('low', { priority: -1, cost: 5 });
    queue.tryPush('plain', { cost: 2 });
    queue.tryPush('high', { priority: 3 });
    expect([4, 3, 0, -1].map((priority) => queue.weightAhead({ priority }))).toEqual([0, 1, 3, 8]);
    expect(queue.weightAhead()).toBe(3);
    drain(queue);
    expect(queue.weightAhead({ priority: -1 })).toBe(0);
  });

  it('takes the next item only if it is wanted, and never another one in its place', () => {
    const clock = new VirtualClock();
    const queue = new PriorityQueue<string>({ capacity: 10, clock });
    queue.tryPush('expires', { priority: 1, deadline: 10 });
    queue.tryPush('stays');
    expect(queue.tryTakeIf((item) => item === 'stays')).toBeUndefined();
    expect(queue.size).toBe(2);
    const taken = queue.tryTakeIf((item) => {
      clock.jumpTo(20);
      return item === 'expires';
    });
    expect(taken).toBe('expires');
    expect(queue.tryTakeIf(() => true)).toBe('stays');
    expect(queue.tryTakeIf(() => true)).toBeUndefined();
  });
});
