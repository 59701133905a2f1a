import { settle, VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

const step = fc.record({
  do: fc.constantFrom(
    'push',
    'push',
    'tryPush',
    'take',
    'take',
    'tryTake',
    'cancel',
    'advance',
    'jump',
    'clear',
  ),
  cost: fc.constantFrom(1, 1, 2, 0.3),
  priority: fc.constantFrom(0, 0, 1),
  expires: fc.boolean(),
  which: fc.nat(60),
});
const reaction = fc.constantFrom('none', 'push', 'take', 'clear', 'cancel');

describe.each([
  { name: 'BoundedQueue', Kind: BoundedQueue },
  { name: 'PriorityQueue', Kind: PriorityQueue },
  { name: 'FairQueue', Kind: FairQueue },
])('waiting callers of a $name', ({ Kind }) => {
  it('never wait for what is there, and all settle, whatever callbacks do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        reaction,
        reaction,
        async (steps, onDrop, onServed) => {
          const clock = new VirtualClock();
          const controllers: AbortController[] = [];
          const promises: Promise<unknown>[] = [];
          let pushed = 0;
          let taken = 0;
          let reactions = 0;
          const track = (promise: Promise<unknown>, onFulfilled: () => void): void => {
            promises.push(promise.then(onFulfilled, () => undefined));
          };
          const queue = new Kind<number>({
            capacity: 2,
            maxWeight: 3,
            maxWaitingProducers: 3,
            maxWaitingTakers: 3,
            clock,
            onDrop: () => react(onDrop),
          });
          const context = (now: { cost?: number; priority?: number; expires?: boolean }) => {
            const controller = new AbortController();
            controllers.push(controller);
            const { signal } = controller;
            const deadline = now.expires ? clock.now() + 30 : undefined;
            const onDone = (listener: (reason: unknown) => void) => {
              const call = (): void => listener(signal.reason);
              signal.addEventListener('abort', call);
              return () => {
                signal.removeEventListener('abort', call);
                react(onServed);
              };
            };
            const watched = now.expires ? { signal, deadline } : { signal, onDone };
            return { ...watched, cost: now.cost, priority: now.priority };
          };
          function push(now: { cost?: number; priority?: number; expires?: boolean }): void {
            track(queue.push(1, context(now)), () => pushed++);
          }
          function react(how: string): void {
            if (reactions++ > 40) return;
            if (how === 'push') push({});
            if (how === 'take' && queue.tryTake() !== undefined) taken++;
            if (how === 'clear') queue.clear();
            if (how === 'cancel') controllers[reactions]?.abort();
          }
          for (const now of steps) {
            if (now.do === 'push') push(now);
            else if (now.do === 'tryPush') queue.tryPush(1) && pushed++;
            else if (now.do === 'take') track(queue.take(context(now)), () => taken++);
            else if (now.do === 'tryTake') queue.tryTake() !== undefined && taken++;
            else if (now.do === 'cancel') controllers[now.which]?.abort();
            else if (now.do === 'advance') clock.advanceSync(now.which);
            else if (now.do === 'jump') clock.jumpTo(clock.now() + now.which);
            else queue.clear();
            const { waitingTakers, waitingProducers, size, weight } = queue.stats();
            expect(size === 0 || waitingTakers === 0, 'a taker waits beside an item').toBe(true);
            expect(size > 0 || waitingProducers === 0, 'a producer waits before an empty queue').toBe(true);
            expect(size <= 2 && weight <= 3 * (1 + 1e-9)).toBe(true);
            await settle();
            const stats = queue.stats();
            expect([stats.accepted, stats.taken]).toEqual([pushed, taken]);
          }
          await queue.close({ withinMs: 0 });
          await Promise.all(promises);
          expect(queue.stats()).toMatchObject({ size: 0, waitingTakers: 0, waitingProducers: 0 });
          expect(clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
