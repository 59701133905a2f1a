import { describe, expect, it } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

describe('options that make no sense', () => {
  it.each<[WorkerPoolOptions, RegExp]>([
    [{ workers: 0 }, /workers must be an integer of at least 1, got 0/],
    [{ workers: Number.NaN }, /workers/],
    [{ workers: 1, maxQueue: -1 }, /maxQueue must be an integer of at least 0, got -1/],
    [
      { workers: 1, maxQueue: 0, maxWaitMs: 5 },
      /maxWaitMs needs a queue: maxQueue must be at least 1, got 0/,
    ],
    [{ workers: 1, maxQueue: 0, fair: true }, /fair needs a queue/],
    [{ workers: 1, maxWaitMs: -5 }, /maxWaitMs must be a finite number above 0, got -5/],
    [{ workers: 1, autoStart: 'yes' as never }, /autoStart must be a boolean, got "yes"/],
    [{ workers: 1, loopBudget: 5 as never }, /loopBudget.allows must be a function/],
    [{ workers: 1, name: '' }, /name/],
    [{ workers: 1, clock: {} as never }, /clock/],
    [{ workers: 1, concurrency: 3 } as never, /unknown option concurrency \(known: workers/],
    [{ workers: 1, queue: 3 } as never, /unknown option queue: did you mean maxQueue\?/],
    [undefined as never, /options must be an object/],
  ])('%j', (options, message) => expect(() => new WorkerPool(options)).toThrow(message));
});
