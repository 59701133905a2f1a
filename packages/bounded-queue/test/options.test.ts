import { describe, expect, it } from 'vitest';
import { BoundedQueue, type BoundedQueueOptions, FairQueue, PriorityQueue } from '../src/index.ts';

describe('invalid options', () => {
  it.each<[BoundedQueueOptions<string>, RegExp]>([
    [{ capacity: 0 }, /capacity must be an integer of at least 1, got 0/],
    [{ capacity: Number.POSITIVE_INFINITY }, /capacity/],
    [{ capacity: 1, maxWeight: 0 }, /maxWeight must be a finite number above 0/],
    [{ capacity: 1, maxWaitingProducers: -1 }, /maxWaitingProducers must be an integer of at least 0/],
    [{ capacity: 1, maxWaitingTakers: 0 }, /maxWaitingTakers must be an integer of at least 1/],
    [{ capacity: 1, highWater: 1.5 }, /highWater must be a number from 0 to 1/],
    [{ capacity: 1, highWater: 0.5, lowWater: 0.5 }, /lowWater must be below highWater = 0.5, got 0.5/],
    [
      { capacity: 1, overflow: 'drop' as never },
      /overflow must be one of "reject", "drop-oldest", got "drop"/,
    ],
    [{ capacity: 1, onDrop: true as never }, /onDrop must be a function/],
    [{ capacity: 1, name: '' }, /name/],
    [{ capacity: 1, clock: {} as never }, /clock/],
    [
      { capacity: 1, maxWaitingProducer: 1 } as never,
      /unknown option maxWaitingProducer: did you mean maxWaitingProducers\?/,
    ],
    [{ capacity: 1, queue: 3 } as never, /unknown option queue/],
    [{ capacity: 1, maxKeys: 3 } as never, /unknown option maxKeys/],
    [
      { capacity: 1, sojourn: { targetMS: 3 } } as never,
      /unknown option sojourn.targetMS: did you mean sojourn.targetMs\?/,
    ],
    [undefined as never, /options must be an object/],
  ])('%j', (options, message) => expect(() => new BoundedQueue(options)).toThrow(message));

  it('are rejected by the other queues too', () => {
    expect(() => new PriorityQueue({ capacity: -1 })).toThrow(/capacity/);
    expect(() => new PriorityQueue({ capacity: 1, overflow: 'reject' } as never)).toThrow(
      /unknown option overflow/,
    );
    expect(() => new FairQueue({ capacity: 1, maxKeys: 0 })).toThrow(
      /maxKeys must be an integer of at least 1/,
    );
    expect(() => new FairQueue({ capacity: 1, maxKey: 5 } as never)).toThrow(/did you mean maxKeys/);
  });
});
