import { settle, VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, FairQueue, PriorityQueue } from '../src/index.ts';

const CAPACITY = 80;
const PRODUCERS = 2;

/** A model without quiet operations: arrays of items, waiting takers and waiting producers. */
class Model {
  readonly items: number[] = [];
  readonly takers: number[] = [];
  readonly producers: number[] = [];
  readonly notified: boolean[] = [];
  readonly given: [taker: number, item: number][] = [];
  readonly #highWater: number;
  readonly #lowWater: number;
  saturated = false;
  accepted = 0;

  constructor(highWater: number, lowWater: number) {
    this.#highWater = highWater;
    this.#lowWater = lowWater;
  }

  push(item: number): boolean {
    const taker = this.producers.length > 0 ? undefined : this.takers.shift();
    if (taker !== undefined) this.given.push([taker, item]);
    else if (this.producers.length > 0 || this.items.length === CAPACITY) return false;
    else this.items.push(item);
    this.accepted++;
    this.settle();
    return true;
  }

  take(): number | undefined {
    const item = this.items.shift();
    this.settle();
    return item;
  }

  settle(): void {
    while (this.producers.length > 0 && this.items.length < CAPACITY) {
      this.items.push(this.producers.shift() as number);
      this.accepted++;
    }
    const { length } = this.items;
    if (this.saturated ? length > this.#lowWater : length < this.#highWater) return;
    this.saturated = !this.saturated;
    this.notified.push(this.saturated);
  }
}

type Act =
  | 'tryPush'
  | 'tryTake'
  | 'takeIf'
  | 'leave'
  | 'push'
  | 'take'
  | 'spoken'
  | 'ask'
  | 'cancel'
  | 'clear';

const step = fc.record({
  do: fc.constantFrom<Act>(
    'tryPush',
    'tryTake',
    'takeIf',
    'leave',
    'push',
    'take',
    'spoken',
    'ask',
    'cancel',
    'clear',
  ),
  times: fc.constantFrom(1, 1, 2, 5, 40, 90),
});

describe.each([
  { name: 'BoundedQueue', Kind: BoundedQueue },
  { name: 'PriorityQueue', Kind: PriorityQueue },
  { name: 'FairQueue', Kind: FairQueue },
])('items without a context in a $name', ({ Kind }) => {
  it('are pushed and taken as if no operation were quiet', async () => {
    const levels = fc.tuple(fc.integer({ min: 1, max: CAPACITY }), fc.nat(CAPACITY - 1));
    await fc.assert(
      fc.asyncProperty(levels, fc.array(step, { maxLength: 40 }), async ([high, low], steps) => {
        const lowWater = Math.min(low, high - 1);
        const model = new Model(high, lowWater);
        const queue = new Kind<number>({
          capacity: CAPACITY,
          maxWaitingProducers: PRODUCERS,
          highWater: high / CAPACITY,
          lowWater: lowWater / CAPACITY,
          clock: new VirtualClock(),
        });
        const notified: boolean[] = [];
        queue.onSaturation((saturated) => notified.push(saturated));
        const given: [number, number][] = [];
        const leave: ((reason?: unknown) => void)[] = [];
        let ids = 0;

        const act: Record<Act, () => void> = {
          tryPush: () => {
            const id = ids++;
            expect(queue.tryPush(id)).toBe(model.push(id));
          },
          spoken: () => {
            const id = ids++;
            expect(queue.tryPush(id, { cost: 1 })).toBe(model.push(id));
          },
          tryTake: () => expect(queue.tryTake()).toBe(model.take()),
          takeIf: () => {
            const next = model.items[0];
            expect(queue.tryTakeIf((item) => item === next)).toBe(model.take());
          },
          leave: () => expect(queue.tryTakeIf(() => false)).toBeUndefined(),
          push: () => {
            const id = ids++;
            if (!model.push(id) && model.producers.length < PRODUCERS) model.producers.push(id);
            queue.push(id).catch(() => undefined);
          },
          take: () => {
            const id = ids++;
            const controller = new AbortController();
            const item = model.take();
            if (item !== undefined) model.given.push([id, item]);
            else model.takers.push(id);
            queue.take({ signal: controller.signal }).then(
              (taken) => given.push([id, taken]),
              () => undefined,
            );
            leave[id] = () => controller.abort();
          },
          ask: () => expect(queue.weightAhead({ priority: 0 })).toBe(model.items.length),
          cancel: () => leave[model.takers.pop() ?? -1]?.(),
          clear: () => {
            const count = model.items.splice(0).length;
            model.settle();
            expect(queue.clear()).toBe(count);
          },
        };

        for (const [at, now] of steps.entries()) {
          for (let i = 0; i < now.times; i++) act[now.do]();
          const { size, saturated, waitingProducers, waitingTakers, accepted, taken, dropped } =
            queue.stats();
          expect({ at, size, saturated, waitingProducers, waitingTakers, notified }).toEqual({
            at,
            size: model.items.length,
            saturated: model.saturated,
            waitingProducers: model.producers.length,
            waitingTakers: model.takers.length,
            notified: model.notified,
          });
          expect([accepted, size + taken + dropped]).toEqual([model.accepted, model.accepted]);
        }
        await settle();
        expect(given.sort(([a], [b]) => a - b)).toEqual(model.given.sort(([a], [b]) => a - b));

        let closed = false;
        void queue.close().then(() => {
          closed = true;
        });
        expect([queue.tryPush(-1), queue.stats().waitingProducers]).toEqual([false, 0]);
        for (const item of model.items) expect(queue.tryTake()).toBe(item);
        await settle();
        expect([closed, queue.size]).toEqual([true, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
