import type { RejectedError } from '@bp/core';
import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, type BoundedQueueOptions } from '../src/index.ts';

function setup(options: Partial<BoundedQueueOptions<string>> = {}) {
  const clock = new VirtualClock();
  const told: string[] = [];
  const onDrop = (item: string, { code }: RejectedError): void => void told.push(`${item} ${code}`);
  return { clock, told, queue: new BoundedQueue<string>({ capacity: 3, clock, onDrop, ...options }) };
}

describe('BoundedQueue', () => {
  it('hands out what came first, and rejects when it is full', () => {
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

  it('rejects with the time in which the backlog drains, once it has seen itself drain', async () => {
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

  it('drops the oldest if it is told to, and says so', () => {
    const { queue, told } = setup({ overflow: 'drop-oldest' });
    for (const item of ['a', 'b', 'c', 'd']) expect(queue.tryPush(item)).toBe(true);
    expect(told).toEqual(['a SHED']);
    expect(queue.tryTake()).toBe('b');
  });

  it('frees the place of what was cancelled or has expired at once, and tells', async () => {
    const { clock, queue, told } = setup();
    const controller = new AbortController();
    queue.tryPush('cancelled', { signal: controller.signal });
    queue.tryPush('expires', { deadline: 50 });
    queue.tryPush('stays', { deadline: 1000 });
    controller.abort();
    expect(queue.size).toBe(2);
    await clock.advance(50);
    expect(told).toEqual(['cancelled CANCELLED', 'expires DEADLINE_EXCEEDED']);
    expect([queue.size, queue.tryTake(), queue.size]).toEqual([1, 'stays', 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('hands out nothing that has expired, also when the timer is late', () => {
    const { clock, queue, told } = setup();
    queue.tryPush('late', { deadline: 50 });
    queue.tryPush('fresh');
    clock.jumpTo(60);
    expect(queue.tryTake()).toBe('fresh');
    expect(told).toEqual(['late DEADLINE_EXCEEDED']);
  });

  it('rejects what is over when it comes', async () => {
    const { queue } = setup();
    const aborted = AbortSignal.abort();
    expect(queue.tryPush('a', { signal: aborted })).toBe(false);
    await expect(queue.push('a', { signal: aborted })).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(queue.push('a', { deadline: 0 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(queue.size).toBe(0);
  });

  it('is bounded by weight as well', async () => {
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

  it('tells an item that is undefined from no item', async () => {
    const queue = new BoundedQueue<string | undefined>({ capacity: 1 });
    expect(queue.tryPush(undefined)).toBe(false);
    await expect(queue.push(undefined)).rejects.toThrow('item must not be undefined');
    expect(queue.size).toBe(0);
  });

  it('tells when it reaches the high water mark and when it is back at the low one', () => {
    const { queue } = setup({ capacity: 10, highWater: 0.8, lowWater: 0.2 });
    const told: boolean[] = [];
    const stop = queue.onSaturation((saturated) => told.push(saturated));
    for (let i = 0; i < 10; i++) queue.tryPush(`${i}`);
    for (let i = 0; i < 7; i++) queue.tryTake();
    expect(told).toEqual([true]);
    queue.tryTake();
    expect(told).toEqual([true, false]);
    expect(queue.stats().saturated).toBe(false);
    stop();
    for (let i = 0; i < 8; i++) queue.tryPush(`${i}`);
    expect(told).toHaveLength(2);
  });

  it('survives that nearly all of a long queue is cancelled', () => {
    const { queue, told } = setup({ capacity: 10_000 });
    const controllers = Array.from({ length: 10_000 }, (_, i) => {
      const controller = new AbortController();
      queue.tryPush(`${i}`, { signal: controller.signal });
      return controller;
    });
    controllers.forEach((controller, i) => {
      if (i % 1000 !== 0) controller.abort();
    });
    expect([queue.size, told.length]).toEqual([10, 9990]);
    expect(Array.from({ length: 10 }, () => queue.tryTake())).toEqual(
      Array.from({ length: 10 }, (_, i) => `${i * 1000}`),
    );
  });
});

describe('taking', () => {
  it('waits for an item, first come first served', async () => {
    const { queue } = setup();
    const takers = [queue.take(), queue.take()];
    expect(queue.stats().waitingTakers).toBe(2);
    queue.tryPush('a');
    queue.tryPush('b', { priority: 1 });
    expect(await Promise.all(takers)).toEqual(['a', 'b']);
    expect(queue.stats()).toMatchObject({ size: 0, accepted: 2, taken: 2 });
  });

  it('gives its place back when it gives up, and is bounded', async () => {
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
  it('lets so many producers wait, in order, and rejects the rest', async () => {
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

  it('forgets a producer that gives up', async () => {
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

  it('gives room that a cancelled item leaves to whoever waits', async () => {
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

  it('drops what is left at its deadline, each told', async () => {
    const { clock, queue, told } = setup();
    queue.tryPush('a');
    queue.tryPush('b', { deadline: 1000 });
    const closing = queue.close({ withinMs: 100 });
    await clock.advance(100);
    await closing;
    expect(told).toEqual(['a SHUTTING_DOWN', 'b SHUTTING_DOWN']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects whoever waits, on either side', async () => {
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

  it('clears on demand, each told', () => {
    const { queue, told } = setup();
    queue.tryPush('a');
    queue.tryPush('b', { deadline: 5 });
    expect(queue.clear()).toBe(2);
    expect([told, queue.size]).toEqual([['a SHED', 'b SHED'], 0]);
  });

  it('tells how fast it was emptied since it was full, not how little there was to do before', async () => {
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
