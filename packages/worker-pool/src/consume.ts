import type { ConcurrencyLimiter } from '@bp/concurrency';
import type { AdmissionOptions } from '@bp/core';

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
  let ended = false;

  const run = async (item: Item, release: () => void): Promise<void> => {
    try {
      await job(item);
    } catch (error) {
      failures.push(error);
    } finally {
      release();
    }
  };

  try {
    while (failures.length === 0) {
      const permit = await limiter.acquire(ctx);
      const next = failures.length === 0 ? await pull(items, permit.release.bind(permit)) : undefined;
      if (next === undefined || next.done) {
        ended = next?.done ?? false;
        permit.release();
        break;
      }
      count++;
      const job = run(next.value, () => permit.release());
      running.add(job);
      void job.then(() => running.delete(job));
    }
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(running);
  if (!ended) await items.return?.();
  if (failures.length > 0) throw failures[0];
  return count;
}

async function pull<Item>(
  items: AsyncIterator<Item> | Iterator<Item>,
  release: () => void,
): Promise<IteratorResult<Item>> {
  try {
    return await items.next();
  } catch (error) {
    release();
    throw error;
  }
}
