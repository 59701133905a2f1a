import type { RejectedError } from '@bp/core';
import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, type BoundedQueueOptions } from '../src/index.ts';

function setup(options: Partial<BoundedQueueOptions<string>> = {}) {
  const clock = new VirtualClock();
  const notified: string[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void notified.push(`${item} ${code}`);
  return { clock, notified, queue: new BoundedQueue<string>({ capacity: 3, clock, onDrop, ...options }) };
}

describe('BoundedQueue', () => {
  it('hands out items first in, first out, and rejects when it is full', () => {
    const { queue } = setup();
    expect(['a', 'b', 'c', 'd'].map((item) => queue.tryPush(item))).toEqual([true, true, true, false]);
    expect([queue.tryTake(), queue.peek(), queue.tryTake(), queue.tryTake(), queue.tryTake()]).toEqual([
      'a',
      'b',
      'b',
      'c',
      undefined,
    ]);
    expect(queue.stats()).toMatchObject({ size: 0, accepted: 3, taken: 3, dropped: 0, rejected: 1 });
  });

  it('rejects with the estimated time until the backlog is taken, once items were taken', async () => {
    const { clock, queue } = setup();
    for (const item of ['a', 'b', 'c']) queue.tryPush(item);
    await expect(queue.push('d')).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      rejectedBy: 'bounded-queue',
      retryAfterMs: undefined,
    });
    for (let i = 0; i < 5; i++) {
      await clock.advance(100);
      queue.tryTake();
      queue.tryPush('next');
    }
    await expect(queue.push('d')).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 300 });
  });

  it('drops the oldest item with overflow drop-oldest, and notifies', () => {
    const { queue, notified } = setup({ overflow: 'drop-oldest' });
    for (const item of ['a', 'b', 'c', 'd']) expect(queue.tryPush(item)).toBe(true);
    expect(notified).toEqual(['a SHED']);
    expect(queue.tryTake()).toBe('b');
  });

  it('frees the place of a cancelled or expired item at once, and notifies', async () => {
    const { clock, queue, notified } = setup();
    const controller = new AbortController();
    queue.tryPush('cancelled', { signal: controller.signal });
    queue.tryPush('expires', { deadline: 50 });
    queue.tryPush('stays', { deadline: 1000 });
    controller.abort();
    expect(queue.size).toBe(2);
    await clock.advance(50);
    expect(notified).toEqual(['cancelled CANCELLED', 'expires DEADLINE_EXCEEDED']);
    expect([queue.size, queue.tryTake(), queue.size]).toEqual([1, 'stays', 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never hands out an expired item, also when its timer is late', () => {
    const { clock, queue, notified } = setup();
    queue.tryPush('late', { deadline: 50 });
    queue.tryPush('fresh');
    clock.jumpTo(60);
    expect(queue.tryTake()).toBe('fresh');
    expect(notified).toEqual(['late DEADLINE_EXCEEDED']);
  });

  it('rejects an item whose context is over on arrival', async () => {
    const { queue } = setup();
    const aborted = AbortSignal.abort();
    expect(queue.tryPush('a', { signal: aborted })).toBe(false);
    await expect(queue.push('a', { signal: aborted })).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(queue.push('a', { deadline: 0 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(queue.size).toBe(0);
  });

  it('is bounded by weight, too', async () => {
    const { queue } = setup({ capacity: 10, maxWeight: 5 });
    expect(queue.tryPush('heavy', { cost: 4 })).toBe(true);
    expect(queue.tryPush('two', { cost: 2 })).toBe(false);
    expect(queue.tryPush('one')).toBe(true);
    expect(queue.stats().weight).toBe(5);
    expect(queue.hasRoom()).toBe(false);
    await expect(queue.push('never', { cost: 6 })).rejects.toThrow(
      'cost must be above 0 and at most maxWeight = 5, got 6',
    );
    expect(queue.tryPush('never', { cost: 6 })).toBe(false);
    queue.tryTake();
    queue.tryTake();
    expect(queue.stats().weight).toBe(0);
  });

  it('rejects undefined, which means an empty queue', async () => {
    const queue = new BoundedQueue<string | undefined>({ capacity: 1 });
    expect(queue.tryPush(undefined)).toBe(false);
    await expect(queue.push(undefined)).rejects.toThrow('item must not be undefined');
    expect(queue.size).toBe(0);
  });

  it('notifies at the high water mark and when it is back at the low one', () => {
    const { queue } = setup({ capacity: 10, highWater: 0.8, lowWater: 0.2 });
    const notified: boolean[] = [];
    const stop = queue.onSaturation((saturated) => notified.push(saturated));
    for (let i = 0; i < 10; i++) queue.tryPush(`${i}`);
    for (let i = 0; i < 7; i++) queue.tryTake();
    expect(notified).toEqual([true]);
    queue.tryTake();
    expect(notified).toEqual([true, false]);
    expect(queue.stats().saturated).toBe(false);
    stop();
    for (let i = 0; i < 8; i++) queue.tryPush(`${i}`);
    expect(notified).toHaveLength(2);
  });

  it('keeps its order when nearly all items of a long queue are cancelled', () => {
    const { queue, notified } = setup({ capacity: 10_000 });
    const controllers = Array.from({ length: 10_000 }, (_, i) => {
      const controller = new AbortController();
      queue.tryPush(`${i}`, { signal: controller.signal });
      return controller;
    });
    controllers.forEach((controller, i) => {
      if (i % 1000 !== 0) controller.abort();
    });
    expect([queue.size, notified.length]).toEqual([10, 9990]);
    expect(Array.from({ length: 10 }, () => queue.tryTake())).toEqual(
      Array.from({ length: 10 }, (_, i) => `${i * 1000}`),
    );
  });
});

describe('taking', () => {
  it('waits for an item, in FIFO order', async () => {
    const { queue } = setup();
    const takers = [queue.take(), queue.take()];
    expect(queue.stats().waitingTakers).toBe(2);
    queue.tryPush('a');
    queue.tryPush('b', { priority: 1 });
    expect(await Promise.all(takers)).toEqual(['a', 'b']);
    expect(queue.stats()).toMatchObject({ size: 0, accepted: 2, taken: 2 });
  });

  it('frees its place when it is cancelled, and is bounded', async () => {
    const { clock, queue } = setup({ maxWaitingTakers: 1 });
    const late = queue.take({ deadline: 10 });
    late.catch(() => {});
    await expect(queue.take()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await clock.advance(10);
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    queue.tryPush('a');
    await expect(queue.take()).resolves.toBe('a');
    await expect(queue.take({ deadline: 0 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('iterates until the queue is closed and empty', async () => {
    const { queue } = setup();
    queue.tryPush('a');
    const seen: string[] = [];
    const reading = (async () => {
      for await (const item of queue) {
        seen.push(item);
        if (item === 'a') queue.tryPush('b');
        if (item === 'c') void queue.close();
      }
    })();
    await Promise.resolve();
    queue.tryPush('c');
    await reading;
    expect(seen).toEqual(['a', 'b', 'c']);
  });
});

describe('waiting for room', () => {
  it('lets maxWaitingProducers producers wait, in order, and rejects the rest', async () => {
    const { queue } = setup({ capacity: 1, maxWaitingProducers: 2 });
    const accepted: string[] = [];
    const push = (item: string): Promise<unknown> => queue.push(item).then(() => accepted.push(item));
    await push('a');
    const waiting = [push('b'), push('c')];
    await expect(push('d')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(queue.tryPush('barges')).toBe(false);
    expect(queue.tryTake()).toBe('a');
    await settle();
    expect(accepted).toEqual(['a', 'b']);
    expect([queue.tryTake(), queue.tryTake()]).toEqual(['b', 'c']);
    await Promise.all(waiting);
    expect(queue.stats()).toMatchObject({ size: 0, accepted: 3, taken: 3 });
  });

  it('forgets a producer whose deadline passes', async () => {
    const { clock, queue } = setup({ capacity: 1, maxWaitingProducers: 1 });
    queue.tryPush('a');
    const late = queue.push('late', { deadline: 10 });
    late.catch(() => {});
    await clock.advance(10);
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    queue.tryTake();
    expect(queue.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives the room of a cancelled item to a waiting producer', async () => {
    const { queue } = setup({ capacity: 1, maxWaitingProducers: 1 });
    const controller = new AbortController();
    queue.tryPush('a', { signal: controller.signal });
    const waiting = queue.push('b');
    controller.abort();
    await waiting;
    expect(queue.tryTake()).toBe('b');
  });
});

describe('closing', () => {
  it('accepts nothing more and resolves when it is empty', async () => {
    const { queue } = setup();
    queue.tryPush('a');
    const taker = queue.take();
    await taker;
    queue.tryPush('b');
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    expect(queue.tryPush('c')).toBe(false);
    await expect(queue.push('c')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(closed).toBe(false);
    expect(await queue.take()).toBe('b');
    await closing;
    await expect(queue.take()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await queue[Symbol.asyncDispose]();
  });

  it('drops the remaining items when its time is up, and notifies', async () => {
    const { clock, queue, notified } = setup();
    queue.tryPush('a');
    queue.tryPush('b', { deadline: 1000 });
    const closing = queue.close({ withinMs: 100 });
    await clock.advance(100);
    await closing;
    expect(notified).toEqual(['a SHUTTING_DOWN', 'b SHUTTING_DOWN']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects waiting takers and producers', async () => {
    const empty = setup().queue;
    const taker = empty.take();
    taker.catch(() => {});
    await empty.close();
    await expect(taker).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });

    const full = setup({ capacity: 1, maxWaitingProducers: 1 }).queue;
    full.tryPush('a');
    const producer = full.push('b');
    producer.catch(() => {});
    void full.close();
    await expect(producer).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('clears on demand, and notifies', () => {
    const { queue, notified } = setup();
    queue.tryPush('a');
    queue.tryPush('b', { deadline: 5 });
    expect(queue.clear()).toBe(2);
    expect([notified, queue.size]).toEqual([['a SHED', 'b SHED'], 0]);
  });

  it('estimates from takes since the queue was full, not from an idle time before', async () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<number>({ capacity: 5, clock });
    queue.tryPush(0);
    queue.tryTake();
    clock.advanceSync(3_600_000);
    while (queue.tryPush(1));
    clock.advanceSync(20);
    queue.tryTake();
    queue.tryPush(1);
    await expect(queue.push(1)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 5 * 20 });
  });
});
