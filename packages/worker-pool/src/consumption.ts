import type { ConcurrencyLimiter, Permit } from '@bp/concurrency';
import { type CallContext, type Clock, isRejected, type RejectedError, type RejectionCode } from '@bp/core';
import { type LoopBudget, watchContext } from '@bp/core/kit';
import type { Tally } from './tally.ts';

/** What a {@link Consumption} uses of its pool. */
export interface Workers {
  readonly limiter: ConcurrencyLimiter;
  readonly loopBudget: LoopBudget;
  readonly clock: Clock;
  readonly name: string;
  readonly tally: Tally;
}

/** Why a permit may be rejected although there was one a moment ago: somebody else was quicker. */
const QUICKER: readonly RejectionCode[] = ['QUEUE_FULL', 'CONCURRENCY_LIMIT', 'SHED'];

type Items<Item> = AsyncIterator<Item> | Iterator<Item>;

/** Runs a job on every item of a source, which is asked for the next one only when a worker is free. */
export class Consumption<Item, C extends CallContext> {
  readonly #workers: Workers;
  readonly #items: Items<Item>;
  readonly #job: (item: Item, ctx: C) => unknown;
  readonly #ctx: C;
  #count = 0;
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait for the source, while there is one. */
  #interrupt: ((error: unknown) => void) | undefined;
  #onIdle: (() => void) | undefined;
  #abandon: ((rejection: RejectedError) => void) | undefined;

  constructor(workers: Workers, items: Items<Item>, job: (item: Item, ctx: C) => unknown, ctx: C) {
    this.#workers = workers;
    this.#items = items;
    this.#job = job;
    this.#ctx = ctx;
  }

  /** Resolves to the number of items when all are done; rejects with the first error, when the jobs that ran have ended. */
  run(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#abandon = reject;
      this.#consume().then(resolve, reject);
    });
  }

  /** Asks for no more items, and fails with `error` when the jobs that run have ended. */
  stop(error: unknown): void {
    this.#failure ??= { error };
    this.#interrupt?.(error);
  }

  /** The same without waiting for the jobs that run. */
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

  /** False when the source has ended, or nothing more is wanted of it. */
  async #startNext(): Promise<boolean> {
    let permit = await this.#permit();
    let started = false;
    try {
      if (this.#failure !== undefined) return false;
      const pulled = this.#items.next();
      const next = 'then' in pulled ? await this.#arrival(pulled, permit) : pulled;
      if (next.done) return false;
      if (permit.released) permit = await this.#permit();
      void this.#work(next.value, permit);
      started = true;
      return true;
    } finally {
      if (!started) permit.release();
    }
  }

  /** A permit as soon as there is one, however full the pool is meanwhile, and on the loop's budget. */
  async #permit(): Promise<Permit> {
    const { limiter, loopBudget } = this.#workers;
    for (;;) {
      if (!loopBudget.allows(loopBudget.look())) {
        await new Promise<void>((resolve) => loopBudget.whenNextTurn(resolve));
      }
      await limiter.ready(this.#ctx);
      try {
        return await limiter.acquire(this.#ctx);
      } catch (error) {
        if (!QUICKER.some((code) => isRejected(error, code))) throw error;
      }
    }
  }

  /** The next item. A worker is not kept waiting for it: if it is not there by the next turn, the permit goes back. */
  #arrival(pulled: PromiseLike<IteratorResult<Item>>, permit: Permit): Promise<IteratorResult<Item>> {
    return new Promise<IteratorResult<Item>>((resolve, reject) => {
      let arrived = false;
      this.#interrupt = reject;
      this.#workers.clock.nextTurn(() => {
        if (!arrived) permit.release();
      });
      const settle = (): void => {
        arrived = true;
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
    const { tally } = this.#workers;
    this.#count++;
    this.#running++;
    tally.started++;
    try {
      await this.#job(item, this.#ctx);
      tally.completed++;
    } catch (error) {
      tally.failed++;
      this.stop(error);
    } finally {
      permit.release();
      if (--this.#running === 0) this.#onIdle?.();
    }
  }

  /** Lets the source clean up. Its own failure to do so is not what the consumption failed of. */
  async #closeSource(): Promise<void> {
    // Asked for an item, a source may answer nothing else until that has come.
    const busy = this.#interrupt !== undefined;
    const closed = (async () => await this.#items.return?.())().catch(() => undefined);
    if (!busy) await closed;
  }
}
