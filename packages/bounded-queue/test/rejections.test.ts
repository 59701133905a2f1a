import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

describe('tryPush never throws', () => {
  const bad = [
    { deadline: Number.NaN },
    { deadline: Date.now() },
    { deadline: 'soon' as never },
    { cost: 0 },
    { cost: -1 },
    { cost: Number.NaN },
    { cost: '2' as never },
    { priority: Number.NaN },
    { priority: 'high' as never },
  ];

  it.each(bad)('but rejects an item with %j, and check says so', (ctx) => {
    for (const Kind of [BoundedQueue, PriorityQueue, FairQueue]) {
      const queue = new Kind<string>({ capacity: 3, clock: new VirtualClock() });
      const rejected: string[] = [];
      expect(queue.tryPush('silent', ctx)).toBe(false);
      queue.onRejected(({ code }) => void rejected.push(code));
      expect(queue.tryPush('observed', ctx)).toBe(false);
      expect(rejected.length).toBe(1);
      expect(queue.check(ctx)?.code).toBe(rejected[0]);
      expect(queue.stats()).toMatchObject({ size: 0, weight: 0, rejected: 2 });
    }
  });

  it.each(bad)('while push rejects with an error that names the field: %j', async (ctx) => {
    const queue = new PriorityQueue<string>({ capacity: 3, clock: new VirtualClock() });
    await expect(queue.push('a', ctx)).rejects.toThrow(Object.keys(ctx)[0] as string);
  });

  it('and a key that is no string is rejected where it counts', async () => {
    const queue = new FairQueue<string>({ capacity: 3 });
    expect(queue.tryPush('a', { key: 7 as never })).toBe(false);
    await expect(queue.push('a', { key: 7 as never })).rejects.toThrow('key must be a string, got number');
  });
});

describe('onRejected', () => {
  it('is called once for every rejected push, at arrival or while it waits', async () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<string>({ name: 'mail', capacity: 1, maxWaitingProducers: 2, clock });
    const rejected: [string, string][] = [];
    const stop = queue.onRejected(({ code, rejectedBy }) => void rejected.push([code, rejectedBy]));
    queue.tryPush('a');
    const pushes = [queue.push('b', { deadline: 10 }), queue.push('c'), queue.push('d')];
    pushes.push(queue.push('e', { signal: AbortSignal.abort() }));
    for (const push of pushes) push.catch(() => undefined);
    queue.tryPush('f');
    await clock.advance(10);
    void queue.close({ withinMs: 0 });
    await settle();
    queue.tryPush('g');
    expect(rejected.map(([code]) => code)).toEqual([
      'QUEUE_FULL',
      'CANCELLED',
      'QUEUE_FULL',
      'DEADLINE_EXCEEDED',
      'SHUTTING_DOWN',
      'SHUTTING_DOWN',
    ]);
    expect(rejected.every(([, by]) => by === 'mail')).toBe(true);
    expect(queue.stats().rejected).toBe(6);
    stop();
    queue.tryPush('h');
    expect(rejected.length).toBe(6);
    expect(queue.stats().rejected).toBe(7);
  });

  it('may use the queue', () => {
    const queue = new BoundedQueue<number>({ capacity: 1 });
    queue.onRejected(() => {
      queue.tryTake();
      queue.tryPush(2);
    });
    queue.tryPush(1);
    expect(queue.tryPush(3)).toBe(false);
    expect([queue.tryTake(), queue.size]).toEqual([2, 0]);
  });
});

describe('check', () => {
  it('returns what push would reject with, and changes nothing', async () => {
    const clock = new VirtualClock();
    const queue = new PriorityQueue<string>({ capacity: 1, clock });
    expect(queue.check()).toBeUndefined();
    queue.tryPush('a');
    const rejected: unknown[] = [];
    queue.onRejected((rejection) => void rejected.push(rejection));
    expect(queue.check()).toMatchObject({ code: 'QUEUE_FULL', rejectedBy: 'priority-queue' });
    expect(queue.check({ priority: 1 })).toBeUndefined();
    expect(queue.check({ deadline: 0 })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(queue.check({ signal: AbortSignal.abort() })).toMatchObject({ code: 'CANCELLED' });
    expect(queue.stats()).toMatchObject({ size: 1, rejected: 0 });
    expect(rejected).toEqual([]);
    void queue.close({ withinMs: 0 });
    expect(queue.check()).toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('is undefined where push would wait, and hasRoom false', async () => {
    const queue = new BoundedQueue<string>({ capacity: 1, maxWaitingProducers: 1 });
    queue.tryPush('a');
    expect([queue.check(), queue.hasRoom()]).toEqual([undefined, false]);
    queue.push('b').catch(() => undefined);
    expect(queue.check()).toMatchObject({ code: 'QUEUE_FULL' });
    await queue.close({ withinMs: 0 });
  });
});
