import { describe, expect, it } from 'vitest';
import { countWork } from '../../../.config/work.ts';
import { FairQueue, PriorityQueue } from '../src/index.ts';

const SMALL = 1_000;
const LARGE = 64_000;

/** 64 times more keys or priorities cost a logarithmic operation 6 levels more, and a linear one 64 times more. */
const expectLogarithmic = (workOf: (count: number) => number): void => {
  const small = workOf(SMALL);
  const large = workOf(LARGE);
  expect(small).toBeGreaterThan(0);
  expect(large, `${small} for ${SMALL}, ${large} for ${LARGE}`).toBeLessThan(4 * small + 200);
};

const priorities = (count: number): PriorityQueue<number> => {
  const queue = new PriorityQueue<number>({ capacity: count });
  // 7919 has no divisor in common with either count, so that every priority comes once.
  for (let i = 0; i < count; i++) queue.tryPush(i, { priority: (i * 7919) % count });
  return queue;
};

const keys = (count: number): FairQueue<number> => {
  const queue = new FairQueue<number>({ capacity: count });
  for (let i = 0; i < count; i++) queue.tryPush(i, { key: `${i}` });
  return queue;
};

it('a loop over n elements counts as n', () => {
  const queue = keys(SMALL);
  expect(countWork(() => queue.clear())).toBeGreaterThan(SMALL);
});

describe('an operation costs O(log n)', () => {
  it('when a full queue of distinct priorities rejects', () => {
    expectLogarithmic((count) => {
      const queue = priorities(count);
      return countWork(() => expect(queue.tryPush(-1, { priority: -1 })).toBe(false));
    });
  });

  it('when an item evicts another one from distinct priorities', () => {
    expectLogarithmic((count) => {
      const queue = priorities(count);
      return countWork(() => expect(queue.tryPush(-1, { priority: count / 2 + 0.5 })).toBe(true));
    });
  });

  it('when asked what is ahead of an item among distinct priorities', () => {
    expectLogarithmic((count) => {
      const queue = priorities(count);
      return countWork(() => expect(queue.weightAhead({ priority: -1 })).toBe(count));
    });
  });

  it('when a heavy item finds too little to evict', () => {
    expectLogarithmic((count) => {
      const queue = new PriorityQueue<number>({ capacity: 2 * count, maxWeight: count });
      queue.tryPush(0, { priority: 2, cost: count / 2 });
      for (let i = 0; i < count / 2; i++) queue.tryPush(i);
      return countWork(() => {
        expect(queue.tryPush(-1, { priority: 1, cost: count })).toBe(false);
        expect(queue.check({ priority: 1, cost: count })?.code).toBe('QUEUE_FULL');
      });
    });
  });

  it('when a fair queue of many keys rejects', () => {
    expectLogarithmic((count) => {
      const queue = keys(count);
      return countWork(() => {
        expect(queue.tryPush(-1, { key: '0' })).toBe(false);
        expect(queue.hasRoom({ key: 'new' })).toBe(false);
        expect(queue.check({ key: 'new' })?.code).toBe('QUEUE_FULL');
      });
    });
  });

  it('when asked what is ahead of an item among many keys', () => {
    expectLogarithmic((count) => {
      const queue = keys(count);
      return countWork(() => expect(queue.weightAhead({ key: 'new' })).toBe(count));
    });
  });

  it('when a heavy item of a new key finds that no key has more than its share', () => {
    expectLogarithmic((count) => {
      const queue = new FairQueue<number>({ capacity: 2 * count, maxWeight: count });
      for (let i = 0; i < count; i++) queue.tryPush(i, { key: `${i % 100}` });
      return countWork(() => expect(queue.tryPush(-1, { key: 'new', cost: count / 50 })).toBe(false));
    });
  });

  it('when an item is taken from a fair queue of many keys', () => {
    expectLogarithmic((count) => {
      const queue = keys(count);
      return countWork(() => {
        expect(queue.tryTake()).toBe(0);
        expect(queue.tryPush(0, { key: '0' })).toBe(true);
      });
    });
  });

  it('when an item is taken from distinct priorities', () => {
    expectLogarithmic((count) => {
      const queue = priorities(count);
      return countWork(() => {
        expect(queue.tryTake()).toBeDefined();
        expect(queue.tryPush(0, { priority: -1 })).toBe(true);
      });
    });
  });
});
