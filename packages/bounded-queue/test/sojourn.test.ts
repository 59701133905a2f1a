import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue, type SojournOptions } from '../src/index.ts';

interface Item {
  readonly id: number;
  readonly at: number;
}

interface Drop {
  readonly id: number;
  readonly waitedMs: number;
  readonly rejection: RejectedError;
}

const TARGET_MS = 50;

function setup(sojourn: SojournOptions = {}, capacity = 1000, Kind = BoundedQueue as typeof PriorityQueue) {
  const clock = new VirtualClock();
  const drops: Drop[] = [];
  const queue = new Kind<Item>({
    capacity,
    clock,
    sojourn,
    onDrop: ({ id, at }, rejection) => void drops.push({ id, waitedMs: clock.now() - at, rejection }),
  });
  let pushed = 0;
  const push = (count = 1, ctx = {}): void => {
    for (let i = 0; i < count; i++) queue.tryPush({ id: pushed++, at: clock.now() }, ctx);
  };
  const take = (): { id: number; waitedMs: number } | undefined => {
    const item = queue.tryTake();
    return item && { id: item.id, waitedMs: clock.now() - item.at };
  };
  /** For `ms` milliseconds, one item is pushed every 5 ms and one is taken every 10 ms. */
  const overload = (ms: number): { id: number; waitedMs: number }[] => {
    const taken = [];
    for (const end = clock.now() + ms; clock.now() < end; clock.advanceSync(5)) {
      push();
      if (clock.now() % 10 !== 0) continue;
      const one = take();
      if (one !== undefined) taken.push(one);
    }
    return taken;
  };
  return { clock, drops, queue, push, take, overload };
}

describe('sojourn control', () => {
  it('lets a burst pass that drains within the interval, however long its items wait', () => {
    const { clock, drops, push, take } = setup();
    push(10);
    const waits = [];
    for (let i = 0; i < 10; i++) {
      clock.advanceSync(9);
      waits.push(take()?.waitedMs);
    }
    expect(waits.at(-1)).toBe(90);
    expect(drops).toEqual([]);
  });

  it('lets repeated bursts pass if the wait falls below the target between them', () => {
    const { clock, drops, push, take, queue } = setup({ targetMs: 30 });
    push(8);
    let longest = 0;
    for (let ms = 1; ms < 2000; ms++) {
      clock.advanceSync(1);
      if (ms % 96 === 80) push();
      if (ms % 96 === 95) push(7);
      if (ms % 12 === 0) longest = Math.max(longest, take()?.waitedMs ?? 0);
      expect(queue.size).toBeGreaterThan(0);
    }
    expect(longest).toBeGreaterThan(2 * 30);
    expect(drops).toEqual([]);
  });

  it('sheds items that wait longer than twice the target in a queue that does not drain', () => {
    const { queue, drops, overload } = setup();
    overload(500);
    const taken = overload(2000);
    expect(taken.length).toBe(200);
    expect(Math.max(...taken.map(({ waitedMs }) => waitedMs))).toBeLessThanOrEqual(2 * TARGET_MS);
    expect(drops.length).toBeGreaterThan(200);
    for (const { waitedMs, rejection } of drops) {
      expect(rejection.code).toBe('SHED');
      expect(waitedMs).toBeGreaterThan(2 * TARGET_MS);
    }
    const { accepted, dropped, taken: all, size } = queue.stats();
    expect(accepted).toBe(all + dropped + size);
    expect(dropped).toBe(drops.length);
  });

  it('leaves the queue as it is without the option', () => {
    const clock = new VirtualClock();
    const queue = new BoundedQueue<number>({ capacity: 10, clock });
    queue.tryPush(1);
    for (let i = 0; i < 10; i++) {
      clock.advanceSync(1000);
      expect(queue.peek()).toBe(1);
    }
  });

  it('never sheds the last item, which delays no other', () => {
    const { clock, drops, push, take } = setup();
    for (let i = 0; i < 50; i++) {
      push(2);
      clock.advanceSync(1000);
      expect(take()).toBeDefined();
    }
    expect(drops.length).toBeGreaterThan(20);
  });

  it('starts anew when the queue was empty', () => {
    const { clock, drops, push, take, overload, queue } = setup();
    overload(1000);
    while (queue.tryTake() !== undefined);
    const before = drops.length;
    clock.advanceSync(10_000);
    push(10);
    clock.advanceSync(90);
    for (let i = 0; i < 10; i++) expect(take()?.waitedMs).toBe(90);
    expect(drops.length).toBe(before);
  });

  it('sheds stale items of a full queue to make room for a new one', () => {
    const { clock, drops, push, overload, queue } = setup({}, 10);
    overload(1000);
    while (queue.size < 10) push();
    clock.advanceSync(1000);
    const before = drops.length;
    expect(queue.tryPush({ id: -1, at: clock.now() })).toBe(true);
    expect(drops.length - before).toBe(9);
    expect(queue.size).toBe(2);
  });

  it('follows its target and its interval', () => {
    const { overload, drops } = setup({ targetMs: 100, intervalMs: 1000 });
    overload(1000);
    expect(drops).toEqual([]);
    const taken = overload(4000).slice(100);
    expect(drops.length).toBeGreaterThan(0);
    const longest = Math.max(...taken.map(({ waitedMs }) => waitedMs));
    expect(longest).toBeGreaterThan(100);
    expect(longest).toBeLessThanOrEqual(200);
  });

  it.each([
    { name: 'BoundedQueue', Kind: BoundedQueue },
    { name: 'PriorityQueue', Kind: PriorityQueue },
    { name: 'FairQueue', Kind: FairQueue },
  ])('a $name hands out the newest first while it is overloaded, and only then', ({ Kind }) => {
    const { clock, push, take, overload, queue } = setup(
      { newestFirst: true },
      1000,
      Kind as typeof PriorityQueue,
    );
    push(3);
    expect([take()?.id, take()?.id, take()?.id]).toEqual([0, 1, 2]);
    overload(300);
    expect(overload(1000).every(({ waitedMs }) => waitedMs === 0)).toBe(true);
    while (queue.tryTake() !== undefined);
    clock.advanceSync(1000);
    const first = queue.stats().accepted;
    push(3);
    expect([take()?.id, take()?.id, take()?.id]).toEqual([first, first + 1, first + 2]);
  });

  it('still hands out higher priorities first', () => {
    const { push, take, overload, clock } = setup({ newestFirst: true }, 1000, PriorityQueue);
    overload(500);
    push(1, { priority: 1 });
    clock.advanceSync(1);
    push(1);
    const gold = take();
    expect(gold?.waitedMs).toBe(1);
  });

  it('estimates from takes during overload, not from an idle time before', () => {
    const { clock, drops, push, overload, queue } = setup();
    push();
    queue.tryTake();
    clock.advanceSync(3_600_000);
    overload(1000);
    const { retryAfterMs } = (drops.at(-1) as Drop).rejection;
    expect(Math.abs((retryAfterMs as number) - queue.size * 10)).toBeLessThan(50);
  });

  it('names what is wrong in its options', () => {
    const make = (sojourn: SojournOptions) => () => new BoundedQueue({ capacity: 1, sojourn });
    expect(make({ targetMs: 0 })).toThrow('sojourn.targetMs');
    expect(make({ intervalMs: Number.NaN })).toThrow('sojourn.intervalMs');
    expect(make({ newestFirst: 1 as never })).toThrow('sojourn.newestFirst');
    expect(make(5 as never)).toThrow(TypeError);
  });

  const step = fc.record({
    do: fc.constantFrom('push', 'push', 'take', 'cancel'),
    afterMs: fc.constantFrom(0, 1, 5, 30, 150),
    which: fc.nat(200),
  });

  it('sheds no item before twice the target, never the last one, and loses none', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 200 }), (newestFirst, steps) => {
        const { clock, drops, queue, push } = setup({ newestFirst }, 20);
        const controllers: AbortController[] = [];
        let left = 0;
        for (const now of steps) {
          clock.advanceSync(now.afterMs);
          const before = drops.length;
          if (now.do === 'push') {
            const controller = new AbortController();
            controllers.push(controller);
            push(1, { signal: controller.signal });
          } else if (now.do === 'take') {
            const waiting = queue.size;
            const taken = queue.tryTake() !== undefined;
            expect(taken).toBe(waiting > 0);
            if (taken) left++;
          } else {
            controllers[now.which]?.abort();
          }
          for (const { waitedMs, rejection } of drops.slice(before)) {
            if (rejection.code === 'SHED') expect(waitedMs).toBeGreaterThan(2 * TARGET_MS);
          }
          expect(queue.stats()).toMatchObject({ taken: left, dropped: drops.length });
          expect(queue.stats().accepted).toBe(left + drops.length + queue.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});
