import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, PriorityQueue } from '../src/index.ts';

interface Job {
  readonly id: number;
  readonly priority: number;
}

/** A model of the queue: an array that is searched from end to end. */
class Model {
  readonly waiting: Job[] = [];
  readonly capacity: number;
  readonly prioritised: boolean;

  constructor(capacity: number, prioritised: boolean) {
    this.capacity = capacity;
    this.prioritised = prioritised;
  }

  push(job: Job): { readonly accepted: boolean; readonly evicted?: Job } {
    if (this.waiting.length < this.capacity) {
      this.waiting.push(job);
      return { accepted: true };
    }
    if (!this.prioritised) return { accepted: false };
    const lowest = Math.min(...this.waiting.map(({ priority }) => priority));
    if (lowest >= job.priority) return { accepted: false };
    const evicted = this.waiting.filter(({ priority }) => priority === lowest).at(-1) as Job;
    this.leave(evicted.id);
    this.waiting.push(job);
    return { accepted: true, evicted };
  }

  take(): Job | undefined {
    const highest = Math.max(...this.waiting.map(({ priority }) => priority));
    const job = this.prioritised
      ? this.waiting.find(({ priority }) => priority === highest)
      : this.waiting[0];
    if (job !== undefined) this.leave(job.id);
    return job;
  }

  leave(id: number): boolean {
    const index = this.waiting.findIndex((job) => job.id === id);
    if (index < 0) return false;
    this.waiting.splice(index, 1);
    return true;
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      priority: fc.integer({ min: -2, max: 3 }),
      plain: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(40) }) },
);

describe.each([
  { name: 'BoundedQueue', prioritised: false },
  { name: 'PriorityQueue', prioritised: true },
])('$name against a plain array', ({ prioritised }) => {
  it('agrees at every step: each item ends once, taken or dropped with a notification', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 120 }), (capacity, steps) => {
        const clock = new VirtualClock();
        const notified: { id: number; code: string }[] = [];
        const onDrop = ({ id }: Job, { code }: RejectedError): void => void notified.push({ id, code });
        const options = { capacity, clock, onDrop };
        const queue = prioritised ? new PriorityQueue<Job>(options) : new BoundedQueue<Job>(options);
        const model = new Model(capacity, prioritised);
        const controllers: (AbortController | undefined)[] = [];
        const expected: { id: number; code: string }[] = [];

        for (const now of steps) {
          if (now.do === 'push') {
            const id = controllers.length;
            const controller = new AbortController();
            const plain = now.plain;
            controllers.push(plain ? undefined : controller);
            const job = { id, priority: plain || !prioritised ? 0 : now.priority };
            const ctx = { signal: controller.signal, priority: job.priority };
            const { accepted, evicted } = model.push(job);
            if (evicted !== undefined) expected.push({ id: evicted.id, code: 'SHED' });
            expect(plain ? queue.tryPush(job) : queue.tryPush(job, ctx)).toBe(accepted);
          } else if (now.do === 'take') {
            expect(queue.tryTake()).toEqual(model.take());
          } else if (now.do === 'cancel') {
            const controller = controllers[now.which];
            if (controller === undefined) continue;
            const before = notified.length;
            controller.abort();
            const left = model.leave(now.which);
            if (left) expected.push({ id: now.which, code: 'CANCELLED' });
            expect(notified.length - before).toBe(left ? 1 : 0);
          }
          expect(queue.size).toBe(model.waiting.length);
          expect(notified).toEqual(expected);
        }
        const { accepted, taken, dropped, size } = queue.stats();
        expect(accepted).toBe(taken + dropped + size);
        void queue.close({ withinMs: 0 });
        expect(queue.size).toBe(0);
        expect(notified.length).toBe(queue.stats().dropped);
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
