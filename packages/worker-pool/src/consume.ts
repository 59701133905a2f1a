import type { ConcurrencyLimiter, Permit } from '@bp/concurrency';
import { type AdmissionOptions, isRejected } from '@bp/core';

/** A permit as soon as there is one, however full the limiter is meanwhile. */
async function permitFor(limiter: ConcurrencyLimiter, ctx: AdmissionOptions): Promise<Permit> {
  for (;;) {
    await limiter.ready(ctx);
    try {
      return await limiter.acquire(ctx);
    } catch (error) {
      // Somebody else was quicker.
      if (!isRejected(error, 'QUEUE_FULL') && !isRejected(error, 'CONCURRENCY_LIMIT')) throw error;
    }
  }
}

/** Runs `job` on every item of `source`, pulling the next one only when `limiter` has a permit for it. */
export async function consume<Item>(
  limiter: ConcurrencyLimiter,
  source: AsyncIterable<Item> | Iterable<Item>,
  job: (item: Item) => unknown,
  ctx: AdmissionOptions,
): Promise<number> {
  const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let count = 0;

  const run = async (item: Item, permit: Permit): Promise<void> => {
    try {
      await job(item);
    } catch (error) {
      failures.push(error);
    } finally {
      permit.release();
    }
  };
  /** Starts the next item; false when the source has ended. */
  const startNext = async (): Promise<boolean> => {
    const permit = await permitFor(limiter, ctx);
    try {
      const next = failures.length === 0 ? await items.next() : undefined;
      if (next === undefined || next.done) {
        permit.release();
        return next === undefined;
      }
      count++;
      const started = run(next.value, permit);
      running.add(started);
      void started.then(() => running.delete(started));
      return true;
    } catch (error) {
      permit.release();
      throw error;
    }
  };

  try {
    while (failures.length === 0 && (await startNext()));
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(running);
  if (failures.length === 0) return count;
  await items.return?.();
  throw failures[0];
}
