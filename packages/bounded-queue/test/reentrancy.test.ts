import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue, type QueueOptions } from '../src/index.ts';

type Told = [item: string, code: string];

function setup(options: Partial<QueueOptions<string>> = {}) {
  const clock = new VirtualClock();
  const told: Told[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void told.push([item, code]);
  const settings = { capacity: 1, clock, onDrop, ...options };
  return { clock, told, settings, queue: new PriorityQueue<string>(settings) };
}

describe('what is told of a queue may change it', () => {
  it.each([BoundedQueue, PriorityQueue, FairQueue])(
    '%o: a listener takes the item that filled it',
    (Kind) => {
      const { settings, told } = setup();
      const queue = new Kind<string>(settings);
      const taken: unknown[] = [];
      queue.onSaturation((full) => {
        if (full) taken.push(queue.tryTake());
      });
      const controller = new AbortController();
      queue.tryPush('a', { signal: controller.signal });
      controller.abort();
      expect([taken, told, queue.size]).toEqual([['a'], [], 0]);
    },
  );

  it('a listener fills the room that an eviction makes, and no more', () => {
    const { settings } = setup();
    const queue = new BoundedQueue<string>({ ...settings, overflow: 'drop-oldest' });
    queue.onSaturation((full) => {
      if (!full) queue.tryPush('x');
    });
    queue.tryPush('a');
    queue.tryPush('b');
    expect(queue.size).toBe(1);
  });

  it('a listener clears the queue while a heavy newcomer comes in', () => {
    const { settings, told } = setup({ capacity: 4, maxWeight: 4 });
    const queue = new PriorityQueue<string>(settings);
    queue.onSaturation((full) => {
      if (full) queue.clear();
    });
    for (const item of 'abc') queue.tryPush(item);
    queue.tryPush('H', { cost: 4, priority: 1 });
    expect(told.map(([item]) => item).sort()).toEqual(['a', 'b', 'c']);
    expect(queue.stats()).toMatchObject({ size: 1, weight: 4 });
  });

  it('a listener that takes meets every producer once, however many wait', async () => {
    const PRODUCERS = 20_000;
    const { settings } = setup({ maxWaitingProducers: PRODUCERS });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('first');
    const pushed = Array.from({ length: PRODUCERS }, (_, i) => queue.push(`p${i}`));
    const taken: unknown[] = [];
    queue.onSaturation((full) => {
      if (full) taken.push(queue.tryTake());
    });
    while (queue.size > 0) taken.push(queue.tryTake());
    await Promise.all(pushed);
    expect(taken).toEqual(['first', ...Array.from({ length: PRODUCERS }, (_, i) => `p${i}`)]);
  });

  it('onDrop brings more again and again, however often', () => {
    const TIMES = 50_000;
    const { settings } = setup();
    let dropped = 0;
    const queue: BoundedQueue<string> = new BoundedQueue<string>({
      ...settings,
      overflow: 'drop-oldest',
      onDrop: () => {
        if (++dropped < TIMES) queue.tryPush('more');
      },
    });
    queue.tryPush('first');
    queue.tryPush('second');
    expect([dropped, queue.size]).toEqual([TIMES, 1]);
  });

  it('onDrop brings its item back, and whoever takes is given it', async () => {
    const { settings, clock } = setup();
    const queue: BoundedQueue<string> = new BoundedQueue<string>({
      ...settings,
      onDrop: () => void queue.tryPush('retry'),
    });
    queue.tryPush('late', { deadline: 10 });
    clock.jumpTo(20);
    expect(queue.peek()).toBe('retry');
    expect(queue.tryTake()).toBe('retry');
    queue.tryPush('late', { deadline: 30 });
    clock.jumpTo(40);
    await expect(queue.take()).resolves.toBe('retry');
    queue.tryPush('cleared');
    expect(queue.clear()).toBe(1);
    expect(queue.size).toBe(1);
  });

  it('onDrop that throws disturbs nobody', async () => {
    const surfaced: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => surfaced.push(error));
    const { settings } = setup();
    const queue = new PriorityQueue<string>({
      ...settings,
      onDrop: () => {
        throw new Error('a bug of the caller');
      },
    });
    queue.tryPush('a');
    expect(queue.tryPush('b', { priority: 1 })).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    for (const listener of others) process.on('uncaughtException', listener);
    expect(surfaced).toEqual([new Error('a bug of the caller')]);
  });

  it.each<[string, (queue: PriorityQueue<string>) => unknown, string[]]>([
    ['takes it', (queue) => queue.tryTake(), ['b']],
    ['brings something more important', (queue) => queue.tryPush('x', { priority: 1 }), ['x', 'a', 'b']],
    ['fills the queue', (queue) => queue.tryPush('c'), ['b', 'c']],
  ])('a question whether an item is wanted may change what there is: it %s', (_, change, left) => {
    const { queue } = setup({ capacity: 3 });
    const told: boolean[] = [];
    queue.onSaturation((saturated) => told.push(saturated));
    queue.tryPush('a');
    queue.tryPush('b');
    const taken = queue.tryTakeIf(() => change(queue) !== undefined);
    expect(taken).toBe(left[0] === 'b' && left.length === 2 ? 'a' : undefined);
    expect(Array.from({ length: queue.size }, () => queue.tryTake())).toEqual(left);
    expect(told).toEqual(left.length === 1 ? [] : [true, false]);
    expect(queue.stats()).toMatchObject({ size: 0, weight: 0, dropped: 0, rejected: 0 });
  });

  it('a question whether an item is wanted may end it', () => {
    const { queue } = setup({ capacity: 5 });
    const controller = new AbortController();
    queue.tryPush('a', { signal: controller.signal });
    const abort = (): boolean => {
      controller.abort();
      return true;
    };
    expect(queue.tryTakeIf(abort)).toBeUndefined();
    queue.tryPush('b');
    expect(queue.tryTakeIf(() => queue.clear() > 0)).toBeUndefined();
    expect(queue.stats()).toMatchObject({ size: 0, weight: 0, dropped: 2, taken: 0 });
  });

  const step = fc.record({
    do: fc.constantFrom('push', 'push', 'take', 'abort', 'wait'),
    priority: fc.integer({ min: 0, max: 2 }),
    cost: fc.constantFrom(1, 1, 2),
    which: fc.nat(100),
    afterMs: fc.constantFrom(0, 5, 30),
  });
  const reaction = fc.constantFrom('none', 'push', 'take', 'clear', 'abort');

  it('whatever comes of it, every item ends once and the bounds hold', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(BoundedQueue, PriorityQueue, FairQueue),
        fc.array(step, { maxLength: 60 }),
        reaction,
        reaction,
        (Kind, steps, onSaturation, onDropped) => {
          const { clock } = setup();
          const ended = new Map<string, string>();
          let ids = 0;
          let reactions = 0;
          const controllers: AbortController[] = [];
          const end = (item: string | undefined, how: string): void => {
            if (item === undefined) return;
            expect(ended.has(item), `${item} ${how}, and before ${ended.get(item)}`).toBe(false);
            ended.set(item, how);
          };
          const push = (ctx: { priority: number; cost: number; afterMs: number }): void => {
            const controller = new AbortController();
            controllers.push(controller);
            const deadline = clock.now() + 20 + ctx.afterMs;
            const item = `${ids++}`;
            const plain = ids % 3 === 0;
            if (!queue.tryPush(item, plain ? undefined : { ...ctx, deadline, signal: controller.signal })) {
              ended.set(item, 'rejected');
            }
          };
          const react = (how: string): void => {
            if (reactions++ > 50) return;
            if (how === 'push') push({ priority: 1, cost: 1, afterMs: 5 });
            if (how === 'take') end(queue.tryTake(), 'taken');
            if (how === 'clear') queue.clear();
            if (how === 'abort') controllers[reactions % controllers.length]?.abort();
          };
          const queue = new Kind<string>({
            capacity: 3,
            maxWeight: 4,
            clock,
            onDrop: (item, { code }) => {
              end(item, code);
              react(onDropped);
            },
          });
          queue.onSaturation(() => react(onSaturation));
          for (const now of steps) {
            if (now.do === 'push') push(now);
            else if (now.do === 'take') end(queue.tryTake(), 'taken');
            else if (now.do === 'abort') controllers[now.which]?.abort();
            else clock.jumpTo(clock.now() + now.afterMs);
            const { size, weight, accepted, taken, dropped } = queue.stats();
            expect(size).toBeGreaterThanOrEqual(0);
            expect(size).toBeLessThanOrEqual(3);
            expect(weight).toBeLessThanOrEqual(4);
            expect(ended.size + size).toBe(ids);
            expect(accepted).toBe(taken + dropped + size);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('those who wait', () => {
  it('are not kept waiting by a producer whose time is up and whose timer is late', async () => {
    const { settings, clock } = setup({ maxWaitingProducers: 5 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('a');
    const late = queue.push('late', { deadline: 20 });
    const rejected = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const next = queue.push('next');
    clock.jumpTo(30);
    expect(queue.tryTake()).toBe('a');
    await next;
    await rejected;
    await expect(queue.take()).resolves.toBe('next');
    expect(queue.stats()).toMatchObject({ waitingProducers: 0, rejected: 1 });
  });

  it('come in when a heavy one before them gives up', async () => {
    const { settings } = setup({ capacity: 10, maxWeight: 3, maxWaitingProducers: 5 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('a', { cost: 2 });
    const controller = new AbortController();
    const heavy = queue.push('heavy', { cost: 3, signal: controller.signal });
    const rejected = expect(heavy).rejects.toMatchObject({ code: 'CANCELLED' });
    const light = queue.push('light');
    controller.abort();
    await Promise.all([rejected, light]);
    expect(queue.stats()).toMatchObject({ size: 2, rejected: 1 });
  });

  it('are given what a producer brings into the place of one that was over', async () => {
    const { settings, clock } = setup({ maxWaitingProducers: 1 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('late', { deadline: 10 });
    const pushed = queue.push('b');
    clock.jumpTo(20);
    await expect(queue.take()).resolves.toBe('b');
    await pushed;
  });
});

describe('plain items, while something else is going on', () => {
  it('do not overtake a producer that is about to wait', async () => {
    const { settings } = setup({ capacity: 10, maxWeight: 4, maxWaitingProducers: 1 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('a');
    queue.tryPush('b');
    const overtaken: boolean[] = [];
    const onDone = (): (() => void) => {
      overtaken.push(queue.tryPush('light'));
      return () => undefined;
    };
    const heavy = queue.push('heavy', { cost: 3, onDone });
    expect(overtaken).toEqual([false]);
    queue.tryTake();
    await heavy;
    expect([queue.tryTake(), queue.tryTake(), queue.tryTake()]).toEqual(['b', 'heavy', undefined]);
  });

  it('come after one that is just coming in with a context', () => {
    const { settings } = setup({ capacity: 5 });
    const queue = new BoundedQueue<string>(settings);
    const onDone = (): (() => void) => {
      queue.tryPush('second');
      return () => undefined;
    };
    queue.tryPush('first', { onDone });
    expect([queue.tryTake(), queue.tryTake()]).toEqual(['first', 'second']);
  });

  it('that a listener brings count as what fills the queue: its rate is measured from then on', async () => {
    const { settings, clock } = setup({ capacity: 10 });
    const queue = new BoundedQueue<string>(settings);
    queue.onSaturation((full) => {
      if (full) return;
      clock.advanceSync(3000);
      while (queue.tryPush('again'));
    });
    while (queue.tryPush('first'));
    for (let i = 0; i < 5; i++) {
      clock.advanceSync(10);
      queue.tryTake();
    }
    expect(queue.size).toBe(10);
    clock.advanceSync(100);
    queue.tryTake();
    queue.tryPush('last');
    await expect(queue.push('rejected')).rejects.toMatchObject({ retryAfterMs: 1000 });
  });

  it('that a listener brings after it emptied the queue itself count the same', async () => {
    const { settings, clock } = setup({ capacity: 10 });
    const queue = new BoundedQueue<string>(settings);
    let told = 0;
    queue.onSaturation((full) => {
      told++;
      while (told === 1 && queue.size > 5) queue.tryTake();
      if (full) return;
      clock.advanceSync(3000);
      while (queue.tryPush('again'));
    });
    while (queue.size < 10 && told === 0) queue.tryPush('first');
    expect([told, queue.size]).toEqual([3, 10]);
    clock.advanceSync(100);
    queue.tryTake();
    queue.tryPush('last');
    await expect(queue.push('rejected')).rejects.toMatchObject({ retryAfterMs: 1000 });
  });

  it('are bounded by weight, of which each has one', () => {
    const queue = new BoundedQueue<string>({ capacity: 10, maxWeight: 3.5 });
    expect(['a', 'b', 'c', 'd'].map((item) => queue.tryPush(item))).toEqual([true, true, true, false]);
    queue.tryTake();
    expect([queue.tryPush('d'), queue.tryPush('e')]).toEqual([true, false]);
  });
});

describe('those who wait, beside somebody who is told', () => {
  it('are given the next wanted item when the one before was over', async () => {
    const { settings, clock } = setup({ maxWaitingProducers: 1 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('late', { deadline: 10 });
    const pushed = queue.push('b');
    clock.jumpTo(20);
    expect(queue.tryTakeIf((item) => item === 'b')).toBe('b');
    await pushed;
  });

  it('come in at once if that has made room for them', async () => {
    const { settings, clock } = setup({ capacity: 10, maxWeight: 4, maxWaitingProducers: 1 });
    const queue: BoundedQueue<string> = new BoundedQueue<string>({
      ...settings,
      sojourn: { targetMs: 10, intervalMs: 100 },
      onDrop: () => void queue.clear(),
    });
    queue.tryPush('stale');
    for (const ms of [50, 100]) {
      clock.advanceSync(ms);
      queue.peek();
    }
    queue.tryPush('fresh', { cost: 3 });
    await queue.push('heavy', { cost: 4 });
    expect(queue.stats()).toMatchObject({ size: 1, waitingProducers: 0, dropped: 2 });
  });
});

describe('bounds', () => {
  it('hold for costs that are fractions, to the last', () => {
    const queue = new PriorityQueue<number>({ capacity: 100, maxWeight: 0.3 });
    expect([0.1, 0.2, 0.1].map((cost, i) => queue.tryPush(i, { cost }))).toEqual([true, true, false]);
    expect(queue.tryPush(3, { cost: 0.2, priority: 1 })).toBe(true);
    expect(queue.size).toBe(2);
  });

  it('are whole numbers where shares are', () => {
    const queue = new BoundedQueue<number>({ capacity: 100, highWater: 0.28, lowWater: 0.07 });
    for (let i = 0; i < 27; i++) queue.tryPush(i);
    expect(queue.stats().saturated).toBe(false);
    queue.tryPush(27);
    expect(queue.stats().saturated).toBe(true);
  });

  it('know no infinite cost', () => {
    const queue = new BoundedQueue<number>({ capacity: 100 });
    expect(queue.tryPush(1, { cost: Number.POSITIVE_INFINITY })).toBe(false);
  });

  it('have room with stale items, which leave for a newcomer', () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<number>({ capacity: 3, clock, sojourn: { targetMs: 10 } });
    for (let i = 0; i < 40; i++) {
      while (queue.tryPush(i));
      clock.advanceSync(10);
      queue.tryTake();
    }
    while (queue.tryPush(0));
    expect(queue.hasRoom()).toBe(false);
    clock.advanceSync(100);
    expect(queue.hasRoom()).toBe(true);
    expect(queue.tryPush(1)).toBe(true);
  });

  it('drops the least important also while nothing is known of anybody', () => {
    const queue = new PriorityQueue<string>({ capacity: 5 });
    queue.tryPush('a');
    queue.tryPush('b');
    expect([queue.dropLowest(), queue.size]).toEqual([2, 0]);
  });
});
