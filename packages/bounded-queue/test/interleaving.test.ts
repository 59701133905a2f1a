import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, type QueueOptions } from '../src/index.ts';

function setup(options: Partial<QueueOptions<string>> = {}) {
  const clock = new VirtualClock();
  return { clock, settings: { capacity: 1, clock, ...options } };
}

describe('waiting callers', () => {
  it('are not blocked by an expired producer whose timer is late', async () => {
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

  it('are accepted when a heavy producer before them is cancelled', async () => {
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

  it('get the item of a producer that takes the place of an expired item', async () => {
    const { settings, clock } = setup({ maxWaitingProducers: 1 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('late', { deadline: 10 });
    const pushed = queue.push('b');
    clock.jumpTo(20);
    await expect(queue.take()).resolves.toBe('b');
    await pushed;
  });
});

describe('items without a context', () => {
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

  it('come after an item whose context is being watched', () => {
    const { settings } = setup({ capacity: 5 });
    const queue = new BoundedQueue<string>(settings);
    const onDone = (): (() => void) => {
      queue.tryPush('second');
      return () => undefined;
    };
    queue.tryPush('first', { onDone });
    expect([queue.tryTake(), queue.tryTake()]).toEqual(['first', 'second']);
  });

  it('fill the queue when a listener pushes them: the rate is measured from then on', async () => {
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

  it('fill the queue also when the listener has emptied it before', async () => {
    const { settings, clock } = setup({ capacity: 10 });
    const queue = new BoundedQueue<string>(settings);
    let notified = 0;
    queue.onSaturation((full) => {
      notified++;
      while (notified === 1 && queue.size > 5) queue.tryTake();
      if (full) return;
      clock.advanceSync(3000);
      while (queue.tryPush('again'));
    });
    while (queue.size < 10 && notified === 0) queue.tryPush('first');
    expect([notified, queue.size]).toEqual([3, 10]);
    clock.advanceSync(100);
    queue.tryTake();
    queue.tryPush('last');
    await expect(queue.push('rejected')).rejects.toMatchObject({ retryAfterMs: 1000 });
  });

  it('weigh 1 each', () => {
    const queue = new BoundedQueue<string>({ capacity: 10, maxWeight: 3.5 });
    expect(['a', 'b', 'c', 'd'].map((item) => queue.tryPush(item))).toEqual([true, true, true, false]);
    queue.tryTake();
    expect([queue.tryPush('d'), queue.tryPush('e')]).toEqual([true, false]);
  });
});

describe('waiting producers', () => {
  it('bring the next wanted item when the one before was expired', async () => {
    const { settings, clock } = setup({ maxWaitingProducers: 1 });
    const queue = new BoundedQueue<string>(settings);
    queue.tryPush('late', { deadline: 10 });
    const pushed = queue.push('b');
    clock.jumpTo(20);
    expect(queue.tryTakeIf((item) => item === 'b')).toBe('b');
    await pushed;
  });

  it('are accepted at once if onDrop makes room for them', async () => {
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
