import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

/** Whether a promise has settled, and how. */
const outcome = async (promise: Promise<unknown>): Promise<string> => {
  let state = 'pending';
  promise.then(
    (value) => {
      state = `${value}`;
    },
    (error: Error & { code?: string }) => {
      state = error.code ?? error.message;
    },
  );
  await settle();
  return state;
};

describe('no promise hangs', () => {
  it('when a listener closes the queue during the push that would have waited', async () => {
    const queue = new BoundedQueue<string>({ capacity: 2, maxWeight: 2, maxWaitingProducers: 1 });
    queue.tryPush('a');
    let closed: Promise<void> | undefined;
    const onDone = (): (() => void) => {
      closed = queue.close();
      return () => undefined;
    };
    expect(await outcome(queue.push('heavy', { cost: 2, onDone }))).toBe('SHUTTING_DOWN');
    queue.tryTake();
    await closed;
  });

  it('when onDrop closes the queue during the push that would have waited', async () => {
    const clock = new VirtualClock();
    const queue: BoundedQueue<string> = new BoundedQueue<string>({
      capacity: 2,
      maxWeight: 10,
      maxWaitingProducers: 1,
      clock,
      sojourn: { targetMs: 10, intervalMs: 100 },
      onDrop: () => void queue.close(),
    });
    queue.tryPush('stale');
    for (const ms of [50, 100]) {
      clock.advanceSync(ms);
      queue.peek();
    }
    queue.tryPush('fresh', { cost: 9 });
    expect(await outcome(queue.push('heavy', { cost: 10 }))).toBe('SHUTTING_DOWN');
  });

  it('when an iteration is ended while it waits, and the next item is not lost', async () => {
    const queue = new BoundedQueue<string>({ capacity: 2 });
    const iterator = queue[Symbol.asyncIterator]();
    const next = iterator.next();
    await settle();
    expect(queue.stats().waitingTakers).toBe(1);
    expect(await outcome(iterator.return?.() as Promise<unknown>)).not.toBe('pending');
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    expect(queue.stats().waitingTakers).toBe(0);
    queue.tryPush('a');
    expect(queue.tryTake()).toBe('a');
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('when the queue is closed while all kinds of callers wait', async () => {
    const clock = new VirtualClock();
    const full = new BoundedQueue<string>({ capacity: 1, maxWaitingProducers: 2, clock });
    full.tryPush('a');
    const promises = [full.push('b'), full.push('c'), full.drain(), full.close({ withinMs: 10 })];
    for (const promise of promises) promise.catch(() => undefined);
    await clock.advance(10);
    expect(await Promise.all(promises.map(outcome))).toEqual([
      'SHUTTING_DOWN',
      'SHUTTING_DOWN',
      'undefined',
      'undefined',
    ]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('waiting producers', () => {
  it('are woken up when a taker takes what a callback has pushed meanwhile', async () => {
    const queue = new BoundedQueue<string>({ capacity: 1, maxWaitingProducers: 1 });
    const pushes: Promise<void>[] = [];
    // The queue stops watching the first taker when it serves it.
    const onDone = () => () => void pushes.push(queue.push('b'), queue.push('c'));
    const takers = [queue.take({ onDone }), queue.take()];
    queue.tryPush('a');
    expect(await Promise.all(takers)).toEqual(['a', 'b']);
    expect(await Promise.all(pushes.map(outcome))).toEqual(['undefined', 'undefined']);
    expect(queue.tryTake()).toBe('c');
  });

  it('are all accepted before a listener is called', async () => {
    const queue = new BoundedQueue<number>({
      capacity: 10,
      highWater: 0.2,
      lowWater: 0.1,
      maxWaitingProducers: 2,
    });
    while (queue.tryPush(0));
    const pushes = [queue.push(1), queue.push(2)];
    const notified: boolean[] = [];
    queue.onSaturation((saturated) => void notified.push(saturated));
    expect(queue.clear()).toBe(10);
    await Promise.all(pushes);
    expect([notified, queue.size]).toEqual([[], 2]);
  });

  it('are notified of what their items evict, also when another producer leaves', async () => {
    const dropped: string[] = [];
    const queue = new PriorityQueue<string>({
      capacity: 4,
      maxWeight: 4,
      maxWaitingProducers: 3,
      onDrop: (item) => void dropped.push(item),
    });
    queue.tryPush('low', { cost: 2 });
    queue.tryPush('high', { priority: 2, cost: 2 });
    const controller = new AbortController();
    const heavy = queue.push('heavy', { priority: 1, cost: 4, signal: controller.signal });
    const light = queue.push('light', { priority: 1, cost: 2 });
    expect(await outcome(light)).toBe('pending');
    controller.abort();
    expect(await outcome(heavy)).toBe('CANCELLED');
    expect(await outcome(light)).toBe('undefined');
    expect(dropped).toEqual(['low']);
    expect([queue.tryTake(), queue.tryTake(), queue.tryTake()]).toEqual(['high', 'light', undefined]);
  });

  it('of a FIFO queue are not overtaken by a push of higher priority', async () => {
    const queue = new BoundedQueue<string>({ capacity: 100, maxWeight: 10, maxWaitingProducers: 5 });
    queue.tryPush('first', { cost: 6 });
    const heavy = queue.push('heavy', { cost: 8 });
    expect(queue.hasRoom({ priority: 1 })).toBe(false);
    expect(queue.tryPush('urgent', { priority: 1 })).toBe(false);
    const light = queue.push('light', { priority: 1 });
    expect(queue.tryTake()).toBe('first');
    expect(await Promise.all([outcome(heavy), outcome(light)])).toEqual(['undefined', 'undefined']);
    expect([queue.tryTake(), queue.tryTake()]).toEqual(['heavy', 'light']);
  });

  it.each([PriorityQueue, FairQueue])(
    'are accepted by priority and do not block a higher one: %o',
    async (Kind) => {
      const queue = new Kind<string>({ capacity: 1, maxWaitingProducers: 5 });
      queue.tryPush('a', { priority: 1 });
      const low = queue.push('low', { priority: 0 });
      const high = queue.push('high', { priority: 1 });
      expect(queue.tryPush('equal', { priority: 1 })).toBe(false);
      expect(queue.tryPush('urgent', { priority: 2 })).toBe(true);
      expect(queue.tryTake()).toBe('urgent');
      expect(await outcome(high)).toBe('undefined');
      expect(await outcome(low)).toBe('pending');
      expect(queue.tryTake()).toBe('high');
      expect(await outcome(low)).toBe('undefined');
    },
  );
});

describe('drain', () => {
  it('resolves when the queue is empty, also after quiet takes, and leaves it open', async () => {
    const queue = new BoundedQueue<string>({ capacity: 100 });
    await queue.drain();
    for (let i = 0; i < 10; i++) queue.tryPush(`${i}`);
    const drained = queue.drain();
    expect(await outcome(drained)).toBe('pending');
    for (let i = 0; i < 10; i++) queue.tryTake();
    await drained;
    expect(queue.tryPush('next')).toBe(true);
  });

  it('rejects when its time is up or its signal is aborted', async () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<string>({ capacity: 100, clock });
    queue.tryPush('a');
    expect(await outcome(queue.drain({ withinMs: 0 }))).toBe('DEADLINE_EXCEEDED');
    const late = queue.drain({ withinMs: 50 });
    late.catch(() => undefined);
    await clock.advance(50);
    expect(await outcome(late)).toBe('DEADLINE_EXCEEDED');
    expect(await outcome(queue.drain({ signal: AbortSignal.abort() }))).toBe('CANCELLED');
    await expect(queue.drain({ withinMs: -1 })).rejects.toThrow('withinMs');
    expect(queue.tryTake()).toBe('a');
    expect(clock.pendingTimers).toBe(0);
  });
});
