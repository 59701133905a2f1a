import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue, type QueueOptions } from '../src/index.ts';

type Notified = [item: string, code: string];

function setup(options: Partial<QueueOptions<string>> = {}) {
  const clock = new VirtualClock();
  const notified: Notified[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void notified.push([item, code]);
  const settings = { capacity: 1, clock, onDrop, ...options };
  return { clock, notified, settings, queue: new PriorityQueue<string>(settings) };
}

describe('callbacks may change the queue', () => {
  it.each([BoundedQueue, PriorityQueue, FairQueue])(
    '%o: a listener takes the item that filled it',
    (Kind) => {
      const { settings, notified } = setup();
      const queue = new Kind<string>(settings);
      const taken: unknown[] = [];
      queue.onSaturation((full) => {
        if (full) taken.push(queue.tryTake());
      });
      const controller = new AbortController();
      queue.tryPush('a', { signal: controller.signal });
      controller.abort();
      expect([taken, notified, queue.size]).toEqual([['a'], [], 0]);
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

  it('a listener clears the queue while a heavy item is pushed', () => {
    const { settings, notified } = setup({ capacity: 4, maxWeight: 4 });
    const queue = new PriorityQueue<string>(settings);
    queue.onSaturation((full) => {
      if (full) queue.clear();
    });
    for (const item of 'abc') queue.tryPush(item);
    queue.tryPush('H', { cost: 4, priority: 1 });
    expect(notified.map(([item]) => item).sort()).toEqual(['a', 'b', 'c']);
    expect(queue.stats()).toMatchObject({ size: 1, weight: 4 });
  });

  it('a listener that takes items gets that of every waiting producer once', async () => {
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

  it('onDrop pushes again and again', () => {
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

  it('onDrop pushes its item again, and the next take returns it', async () => {
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

  it('an onDrop that throws does not disturb the queue', async () => {
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
    ['pushes a higher priority', (queue) => queue.tryPush('x', { priority: 1 }), ['x', 'a', 'b']],
    ['fills the queue', (queue) => queue.tryPush('c'), ['b', 'c']],
  ])('the callback of tryTakeIf changes the queue: it %s', (_, change, left) => {
    const { queue } = setup({ capacity: 3 });
    const notified: boolean[] = [];
    queue.onSaturation((saturated) => notified.push(saturated));
    queue.tryPush('a');
    queue.tryPush('b');
    const taken = queue.tryTakeIf(() => change(queue) !== undefined);
    expect(taken).toBe(left[0] === 'b' && left.length === 2 ? 'a' : undefined);
    expect(Array.from({ length: queue.size }, () => queue.tryTake())).toEqual(left);
    expect(notified).toEqual(left.length === 1 ? [] : [true, false]);
    expect(queue.stats()).toMatchObject({ size: 0, weight: 0, dropped: 0, rejected: 0 });
  });

  it('the callback of tryTakeIf ends the item', () => {
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

  it('every item ends once and the bounds hold, whatever the callbacks do', () => {
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
