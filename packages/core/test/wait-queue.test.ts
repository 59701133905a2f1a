import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { CallContext } from '../src/index.ts';
import { type Waiter, WaitQueue, type WaitQueueOptions } from '../src/kit/index.ts';
import { settle, VirtualClock } from '../src/testing/index.ts';

/** A primitive with `free` units, which its waiters take; the payload is the cost. */
function units(free: number, options: Partial<WaitQueueOptions<number, number>> = {}) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const state = { free };
  const queue: WaitQueue<number, number> = new WaitQueue<number, number>({
    clock,
    name: 'units',
    serve: (waiter) => {
      if (waiter.payload > state.free) return false;
      state.free -= waiter.payload;
      waiter.resolve(waiter.payload);
      return true;
    },
    ...options,
  });
  const wait = (name: string, cost = 1, ctx: CallContext = {}): void => {
    queue.wait(cost, ctx).then(
      () => log.push(name),
      (error) => log.push(`${name}: ${error.code ?? error.message}`),
    );
  };
  const give = (count: number): void => {
    state.free += count;
    queue.serve();
  };
  return { clock, log, state, queue, wait, give };
}

describe('WaitQueue', () => {
  it('serves in FIFO order, and no small call before a large one that came first', async () => {
    const { log, queue, wait, give } = units(0);
    wait('a', 2);
    wait('b', 1);
    wait('c', 1);
    expect(queue.size).toBe(3);
    give(1);
    await settle();
    expect(log).toEqual([]);
    give(2);
    await settle();
    expect(log).toEqual(['a', 'b']);
    expect(queue.size).toBe(1);
    expect(queue.first?.payload).toBe(1);
  });

  it('serves by priority if `byPriority` is set, and equal priorities in FIFO order', async () => {
    const { log, wait, give } = units(0, { byPriority: true });
    wait('low', 1, { priority: -1 });
    wait('none', 1);
    wait('high', 1, { priority: 5 });
    wait('high too', 1, { priority: 5 });
    wait('highest', 1, { priority: Number.POSITIVE_INFINITY });
    give(5);
    await settle();
    expect(log).toEqual(['highest', 'high', 'high too', 'none', 'low']);
  });

  it('serves a caller at once that comes first by priority and fits', async () => {
    const { log, wait } = units(1, { byPriority: true });
    wait('large', 2);
    wait('small but behind', 1);
    wait('small and important', 1, { priority: 1 });
    await settle();
    expect(log).toEqual(['small and important']);
  });

  it('rejects a priority that is no number', async () => {
    const { queue } = units(1, { byPriority: true });
    await expect(queue.wait(1, { priority: Number.NaN })).rejects.toThrow(
      new RangeError('priority must be a number, got NaN (number)'),
    );
    expect(queue.size).toBe(0);
  });

  it('holds at most maxQueue callers, and has room again when one leaves', async () => {
    const { log, queue, wait } = units(0, { maxQueue: 2 });
    const caller = new AbortController();
    wait('a', 1, { signal: caller.signal });
    expect(queue.isFull).toBe(false);
    wait('b');
    expect(queue.isFull).toBe(true);
    wait('c');
    await settle();
    expect(log).toEqual(['c: QUEUE_FULL']);
    caller.abort();
    expect(queue.isFull).toBe(false);
    expect(queue.size).toBe(1);
  });

  it('holds none if maxQueue is 0', async () => {
    await expect(units(5, { maxQueue: 0 }).queue.wait(1, {})).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      rejectedBy: 'units',
    });
  });

  it('serves the callers behind a large one that is cancelled', async () => {
    const { log, queue, wait } = units(1);
    const caller = new AbortController();
    wait('large', 5, { signal: caller.signal });
    wait('small', 1);
    await settle();
    expect(log).toEqual([]);
    caller.abort();
    await settle();
    expect(log).toEqual(['large: CANCELLED', 'small']);
    expect(queue.size).toBe(0);
  });

  it('rejects at the deadline, exactly, and leaves no timer', async () => {
    const { clock, log, wait } = units(0);
    wait('a', 1, { deadline: 10 });
    wait('b', 1, { deadline: 5 });
    await clock.advance(4.9);
    expect(log).toEqual([]);
    await clock.advance(0.1);
    expect(log).toEqual(['b: DEADLINE_EXCEEDED']);
    await clock.advance(5);
    expect(log).toEqual(['b: DEADLINE_EXCEEDED', 'a: DEADLINE_EXCEEDED']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never serves an expired caller, though its timer is late', async () => {
    const { clock, log, state, wait, give } = units(0);
    wait('late', 1, { deadline: 10 });
    wait('in time', 1, { deadline: 1000 });
    clock.jumpTo(20);
    give(1);
    await settle();
    expect(log).toEqual(['late: DEADLINE_EXCEEDED', 'in time']);
    expect(state.free).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects a caller whose context is over already', async () => {
    const { clock, log, queue, wait } = units(0);
    wait('aborted', 1, { signal: AbortSignal.abort() });
    wait('done', 1, {
      doneReason: 'gone',
      onDone: (listener) => {
        listener('gone');
        return () => log.push('unwatched');
      },
    });
    expect(queue.size).toBe(0);
    await settle();
    expect(log).toEqual(['unwatched', 'aborted: CANCELLED', 'done: CANCELLED']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('sets one timer, for the first caller, and tries again when it fires', async () => {
    const served: number[] = [];
    const readyAt = { ms: 30 };
    const { clock, log, wait } = units(0, {
      serve: (waiter) => {
        if (clock.now() < readyAt.ms) return false;
        readyAt.ms += 30;
        served.push(clock.now());
        waiter.resolve(waiter.payload);
        return true;
      },
      waitMs: () => readyAt.ms - clock.now(),
    });
    for (const name of ['a', 'b', 'c']) wait(name);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(served).toEqual([30, 60, 90]);
    expect(log).toEqual(['a', 'b', 'c']);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([0, -1, Number.NaN])('tries again a millisecond later if the wait is %d ms', async (waitMs) => {
    const { clock, log, state, wait } = units(0, { waitMs: () => waitMs });
    wait('a');
    state.free = 1;
    await clock.advance(0.9);
    expect(log).toEqual([]);
    await clock.advance(0.1);
    expect(log).toEqual(['a']);
  });

  it('sets no timer if waiting alone does not help', () => {
    const { clock, wait } = units(0, { waitMs: () => Number.POSITIVE_INFINITY });
    wait('a');
    expect(clock.pendingTimers).toBe(0);
  });

  it('loses no wake-up that comes while it serves', async () => {
    const { log, queue, state, wait, give } = units(0, {
      serve: (waiter) => {
        if (waiter.payload > state.free) return false;
        state.free -= waiter.payload;
        waiter.resolve(waiter.payload);
        // Settling one waiter frees capacity for another, as a listener that closes or raises a limit does.
        if (waiter.payload === 1) {
          state.free += 7;
          queue.serve();
        }
        return true;
      },
    });
    wait('a', 1);
    wait('b', 7);
    give(1);
    await settle();
    expect(log).toEqual(['a', 'b']);
  });

  it('loses no caller that joins while another one leaves', async () => {
    const { log, queue, wait, give } = units(0, {
      onLeft: (waiter: Waiter<number, number>) => {
        if (waiter.payload === 3) wait('joined', 1);
      },
    });
    const caller = new AbortController();
    wait('leaves', 3, { signal: caller.signal });
    caller.abort();
    expect(queue.size).toBe(1);
    give(1);
    await settle();
    expect(log).toEqual(['leaves: CANCELLED', 'joined']);
  });

  it('rejects all callers that wait, in order, and serves none of them meanwhile', async () => {
    const { log, queue, state, wait } = units(0, {
      byPriority: true,
      onLeft: () => {
        state.free += 10;
        queue.serve();
        if (queue.size < 3) wait('joined', 100);
      },
    });
    wait('a', 1);
    wait('b', 1, { priority: 1 });
    wait('c', 1);
    queue.rejectAll('SHUTTING_DOWN');
    await settle();
    expect(log).toEqual(['b: SHUTTING_DOWN', 'a: SHUTTING_DOWN', 'c: SHUTTING_DOWN']);
    expect(queue.size, 'callers that joined meanwhile').toBeGreaterThan(0);
  });

  it('settles a waiter once', async () => {
    const { log, queue, wait } = units(0);
    wait('a');
    const { first } = queue;
    first?.resolve(1);
    first?.reject(new Error('late'));
    if (first !== undefined) queue.reject(first, new Error('late'));
    await settle();
    expect(log).toEqual(['a']);
    expect(queue.size).toBe(0);
    expect([...queue]).toEqual([]);
  });

  it('leaves no listener on a signal that outlives a thousand calls', async () => {
    const { clock, wait, give } = units(0);
    const { signal } = new AbortController();
    const listeners = (): number => getEventListeners(signal, 'abort').length;
    for (let i = 0; i < 1000; i++) wait(`${i}`, 1, { signal, deadline: i % 2 === 0 ? 50 : 1e6 });
    expect(listeners()).toBe(1000);
    await clock.advance(50);
    give(1000);
    expect(listeners()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
