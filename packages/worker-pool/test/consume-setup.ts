import { VirtualClock } from '@bp/core/testing';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

export function setup(options: Partial<WorkerPoolOptions> = {}) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ workers: 2, clock, ...options });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  const outcome = { value: 'pending' as unknown };
  const watch = (consumed: Promise<number>): void => {
    consumed.then(
      (count) => {
        outcome.value = count;
      },
      (error: { code?: string; message: string }) => {
        outcome.value = error.code ?? error.message;
      },
    );
  };
  return { clock, pool, sleep, outcome, watch };
}

export function* numbers(until = Number.POSITIVE_INFINITY): Generator<number> {
  for (let i = 0; i < until; i++) yield i;
}

/** A source that gives an item when it is notified to, and notes when it is closed. @param closes - whether closing it ends. */
export function slowSource(closes = false) {
  const waiting: ((next: IteratorResult<number>) => void)[] = [];
  const source = {
    asked: 0,
    closed: false,
    give: (value: number) => waiting.shift()?.({ value, done: false }),
    end: () => waiting.shift()?.({ value: undefined, done: true }),
    [Symbol.asyncIterator]: () => ({
      next: () => {
        source.asked++;
        return new Promise<IteratorResult<number>>((resolve) => waiting.push(resolve));
      },
      return: () => {
        source.closed = true;
        return new Promise<IteratorResult<number>>((resolve) => {
          if (closes) resolve({ value: undefined, done: true });
        });
      },
    }),
  };
  return source;
}
