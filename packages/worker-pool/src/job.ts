import type { Permit } from '@bp/concurrency';
import type { CallContext } from '@bp/core';
import type { Tally } from './tally.ts';
import type { Unfinished } from './unfinished.ts';

/** A job whose promise was given out, and its neighbours in the list of those that have not ended. */
export class Job<T> {
  readonly ctx: CallContext;
  readonly #work: (ctx: never) => T | PromiseLike<T>;
  readonly #resolve: (result: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #unfinished: Unfinished;
  previous: Job<unknown> | undefined;
  next: Job<unknown> | undefined;

  constructor(
    work: (ctx: never) => T | PromiseLike<T>,
    ctx: CallContext,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
    unfinished: Unfinished,
  ) {
    this.ctx = ctx;
    this.#work = work;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#unfinished = unfinished;
    this.previous = undefined;
    this.next = undefined;
    unfinished.add(this as Job<unknown>);
  }

  /** Runs it under `permit`, which goes back when it has ended, before its caller hears of that. */
  run(permit: Permit, tally: Tally): void {
    tally.started++;
    const failed = (error: unknown): void => {
      tally.failed++;
      permit.release();
      this.fail(error);
    };
    let result: T | PromiseLike<T>;
    try {
      result = this.#work(this.ctx);
    } catch (error) {
      failed(error);
      return;
    }
    (Promise.resolve(result) as Promise<T>).then((value) => {
      tally.completed++;
      permit.release();
      this.#unfinished.remove(this as Job<unknown>);
      this.#resolve(value);
    }, failed);
  }

  /** Tells its caller why there will be no result. */
  fail(reason: unknown): void {
    this.#unfinished.remove(this as Job<unknown>);
    this.#reject(reason);
  }
}
