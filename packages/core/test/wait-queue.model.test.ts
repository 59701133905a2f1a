import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRejected } from '../src/index.ts';
import { type Waiter, WaitQueue } from '../src/kit/index.ts';
import { settle, VirtualClock } from '../src/testing/index.ts';

const command = fc.oneof(
  fc.record({
    kind: fc.constant('wait' as const),
    cost: fc.integer({ min: 1, max: 4 }),
    priority: fc.integer({ min: 0, max: 3 }),
    inMs: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('give' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 15 }) }),
  fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: 0, max: 15 }) }),
  fc.record({ kind: fc.constant('rejectAll' as const) }),
);

interface ModelWaiter {
  readonly id: number;
  readonly cost: number;
  readonly priority: number;
  readonly deadline: number;
}

/** The same queue as a sorted array, without timers or promises. */
class Model {
  waiters: ModelWaiter[] = [];
  outcomes = new Map<number, string>();
  free = 0;
  readonly maxQueue: number;
  readonly byPriority: boolean;

  constructor(maxQueue: number, byPriority: boolean) {
    this.maxQueue = maxQueue;
    this.byPriority = byPriority;
  }

  wait(waiter: ModelWaiter, now: number): void {
    if (this.waiters.length >= this.maxQueue) {
      this.outcomes.set(waiter.id, 'QUEUE_FULL');
      return;
    }
    this.waiters.push(waiter);
    if (this.byPriority) this.waiters.sort((a, b) => b.priority - a.priority);
    if (this.waiters[0] === waiter) this.serve(now);
  }

  end(waiter: ModelWaiter, outcome: string): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
    this.outcomes.set(waiter.id, outcome);
  }

  serve(now: number): void {
    for (let [first] = this.waiters; first !== undefined; [first] = this.waiters) {
      if (now >= first.deadline) this.end(first, 'DEADLINE_EXCEEDED');
      else if (first.cost <= this.free) {
        this.free -= first.cost;
        this.end(first, 'served');
      } else return;
    }
  }

  /** What the timers of the deadlines do up to `now`. */
  expire(now: number): void {
    const times = [...new Set(this.waiters.map(({ deadline }) => deadline))].sort((a, b) => a - b);
    for (const time of times.filter((at) => at <= now)) {
      for (const waiter of this.waiters.filter(({ deadline }) => deadline === time)) {
        this.end(waiter, 'DEADLINE_EXCEEDED');
      }
      this.serve(time);
    }
  }
}

describe('WaitQueue', () => {
  it('agrees with a model after any sequence of calls, and leaves nothing behind', async () => {
    const setup = fc.record({ maxQueue: fc.integer({ min: 0, max: 8 }), byPriority: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        setup,
        fc.array(command, { maxLength: 60 }),
        async ({ maxQueue, byPriority }, sequence) => {
          const clock = new VirtualClock();
          const model = new Model(maxQueue, byPriority);
          const outcomes = new Map<number, string>();
          const callers = new Map<number, AbortController>();
          const left: number[] = [];
          let free = 0;
          const queue = new WaitQueue<{ id: number; cost: number }>({
            clock,
            name: 'units',
            maxQueue,
            byPriority,
            serve: (waiter: Waiter<{ id: number; cost: number }, void>) => {
              expect(clock.now(), 'an expired waiter is never served').toBeLessThan(
                waiter.ctx.deadline ?? Number.POSITIVE_INFINITY,
              );
              if (waiter.payload.cost > free) return false;
              free -= waiter.payload.cost;
              waiter.resolve();
              // Re-entrant calls must neither recurse nor get lost.
              queue.serve();
              return true;
            },
            onLeft: ({ payload }) => {
              left.push(payload.id);
              queue.serve();
            },
          });
          let id = 0;
          for (const step of sequence) {
            const now = clock.now();
            if (step.kind === 'wait') {
              const own = id++;
              const deadline = step.inMs === undefined ? undefined : now + step.inMs;
              const caller = new AbortController();
              callers.set(own, caller);
              const ctx = { signal: caller.signal, deadline, priority: step.priority };
              queue.wait({ id: own, cost: step.cost }, ctx).then(
                () => outcomes.set(own, 'served'),
                (error) => outcomes.set(own, isRejected(error) ? error.code : String(error)),
              );
              const { cost, priority } = step;
              model.wait({ id: own, cost, priority, deadline: deadline ?? Number.POSITIVE_INFINITY }, now);
            } else if (step.kind === 'give') {
              free += step.count;
              model.free += step.count;
              queue.serve();
              model.serve(now);
            } else if (step.kind === 'cancel') {
              const waiter = model.waiters[step.pick % Math.max(1, model.waiters.length)];
              if (waiter !== undefined) {
                const wasFirst = model.waiters[0] === waiter;
                callers.get(waiter.id)?.abort();
                model.end(waiter, 'CANCELLED');
                // `onLeft` calls serve() in any case.
                if (wasFirst || model.waiters.length > 0) model.serve(now);
              }
            } else if (step.kind === 'rejectAll') {
              queue.rejectAll('SHUTTING_DOWN');
              for (const waiter of model.waiters) model.end(waiter, 'SHUTTING_DOWN');
            } else if (step.kind === 'advance') {
              await clock.advance(step.ms);
              model.expire(clock.now());
            } else {
              // Time passes without a timer, as in a loop that is blocked.
              clock.jumpTo(now + step.ms);
            }
            await settle();
            expect(queue.size).toBe(model.waiters.length);
            expect(queue.isFull).toBe(model.waiters.length >= maxQueue);
            expect(free).toBe(model.free);
            expect(queue.first?.payload.id).toBe(model.waiters[0]?.id);
            expect(outcomes).toEqual(model.outcomes);
          }
          for (const caller of callers.values()) caller.abort();
          await settle();
          expect(queue.size).toBe(0);
          expect(
            [...outcomes.keys()].sort((a, b) => a - b),
            'every call has settled',
          ).toEqual([...callers.keys()]);
          expect(clock.pendingTimers).toBe(0);
          expect(new Set(left).size, 'onLeft once for each').toBe(left.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});
