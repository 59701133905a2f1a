import type { ConcurrencyLimiter } from '@bp/concurrency';
import {
  type CallContext,
  type Clock,
  isRejected,
  type Permit,
  type RejectedError,
  type RejectionCode,
} from '@bp/core';
import { type LoopBudget, watchContext } from '@bp/core/kit';
import type { JobCounts } from './job-counts.ts';

/** What a {@link Consumption} uses of its pool. */
export interface Workers {
  readonly limiter: ConcurrencyLimiter;
  readonly loopBudget: LoopBudget;
  readonly clock: Clock;
  readonly name: string;
  readonly counts: JobCounts;
}

/** Rejections after which a consumption asks for a permit again: another caller took the place that was free. */
const RETRIED: readonly RejectionCode[] = ['QUEUE_FULL', 'CONCURRENCY_LIMIT', 'SHED'];

/** Runs a job for every item of a source. It asks the source for the next item only when a worker is free. */
export class Consumption<Item> {
  readonly #workers: Workers;
  readonly #items: AsyncIterator<Item> | Iterator<Item>;
  readonly #job: (item: Item, ctx: CallContext) => unknown;
  readonly #ctx: CallContext;
  #count = 0;
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait for the next item, while there is one. */
  #interrupt: ((error: unknown) => void) | undefined;
  #onIdle: (() => void) | undefined;
  #abandon: ((rejection: RejectedError) => void) | undefined;

  constructor(
    workers: Workers,
    items: AsyncIterator<Item> | Iterator<Item>,
    job: (item: Item, ctx: CallContext) => unknown,
    ctx: CallContext,
  ) {
    this.#workers = workers;
    this.#items = items;
    this.#job = job;
    this.#ctx = ctx;
  }

  /** Resolves to the number of items when all are done. Rejects with the first error, when the running jobs have ended. */
  run(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#abandon = reject;
      this.#consume().then(resolve, reject);
    });
  }

  /** Asks for no more items, starts no more jobs, and fails with `error` when the running jobs have ended. */
  stop(error: unknown): void {
    this.#failure ??= { error };
    this.#interrupt?.(error);
  }

  /** The same without waiting for the running jobs. */
  abandon(rejection: RejectedError): void {
    this.stop(rejection);
    this.#abandon?.(rejection);
  }

  async #consume(): Promise<number> {
    const { clock, name } = this.#workers;
    const unwatch = watchContext(this.#ctx, clock, name, (rejection) => this.stop(rejection));
    try {
      while (this.#failure === undefined && (await this.#startNext()));
    } catch (error) {
      this.stop(error);
    }
    unwatch?.();
    const closed = this.#failure === undefined ? undefined : this.#closeSource();
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await closed;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#count;
  }

  /** Starts the job of the next item. Returns false when the source has ended or the consumption has failed. */
  async #startNext(): Promise<boolean> {
    const { loopBudget, clock } = this.#workers;
    let permit = await this.#permit();
    let started = false;
    try {
      if (this.#failure !== undefined) return false;
      const pulled = this.#items.next();
      const next = 'then' in pulled ? await this.#nextItem(pulled, permit) : pulled;
      if (next.done) return false;
      if (permit.released) permit = await this.#permit();
      // Directly before the job begins: the loop budget may have been spent since the permit was granted.
      while (!loopBudget.allows(clock.now())) {
        await new Promise<void>((resolve) => loopBudget.whenNextTurn(resolve));
      }
      if (this.#failure !== undefined) return false;
      void this.#work(next.value, permit);
      started = true;
      return true;
    } finally {
      if (!started) permit.release();
    }
  }

  /** Takes a permit as soon as one is free, however full the pool is meanwhile. */
  async #permit(): Promise<Permit> {
    const { limiter } = this.#workers;
    for (;;) {
      await limiter.ready(this.#ctx);
      try {
        return await limiter.acquire(this.#ctx);
      } catch (error) {
        const isFinal = isRejected(error) && error.retryAfterMs === Number.POSITIVE_INFINITY;
        if (isFinal || !RETRIED.some((code) => isRejected(error, code))) throw error;
      }
    }
  }

  /** Waits for the next item. The permit is released if the item is not there by the next turn: no worker waits for a source. */
  #nextItem(pulled: PromiseLike<IteratorResult<Item>>, permit: Permit): Promise<IteratorResult<Item>> {
    return new Promise<IteratorResult<Item>>((resolve, reject) => {
      let isThere = false;
      this.#interrupt = reject;
      this.#workers.clock.nextTurn(() => {
        if (!isThere) permit.release();
      });
      const settle = (): void => {
        isThere = true;
        this.#interrupt = undefined;
      };
      pulled.then(
        (next) => {
          settle();
          resolve(next);
        },
        (error: unknown) => {
          settle();
          reject(error);
        },
      );
    });
  }

  async #work(item: Item, permit: Permit): Promise<void> {
    const { counts } = this.#workers;
    this.#count++;
    this.#running++;
    counts.admitted++;
    try {
      await this.#job(item, this.#ctx);
      counts.completed++;
    } catch (error) {
      counts.failed++;
      this.stop(error);
    } finally {
      permit.release();
      if (--this.#running === 0) this.#onIdle?.();
    }
  }

  /** Lets the source clean up. Its failure to do so is ignored: the consumption has failed before. */
  async #closeSource(): Promise<void> {
    // A source that was asked for an item may answer nothing else until that item has come.
    const busy = this.#interrupt !== undefined;
    const closed = (async () => await this.#items.return?.())().catch(() => undefined);
    if (!busy) await closed;
  }
}
