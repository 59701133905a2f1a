import type { CallContext, Permit } from '@bp/core';
import type { JobCounts } from './job-counts.ts';

/** The list of unfinished jobs, as a job sees it. */
interface Unfinished {
  add(job: Job): void;
  remove(job: Job): void;
}

/** A job whose promise was given out, with its neighbours in the list of unfinished jobs. */
export interface Job {
  previous: Job | undefined;
  next: Job | undefined;
  /** Rejects the promise of the job; a no-op if it has settled. */
  fail(reason: unknown): void;
}

/** A job with a result of type `T`. */
export class PendingJob<T> implements Job {
  readonly ctx: CallContext;
  readonly #work: (ctx: CallContext) => T | PromiseLike<T>;
  readonly #resolve: (result: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #unfinished: Unfinished;
  previous: Job | undefined;
  next: Job | undefined;
  /** Whether its work has begun: an error is not a rejection by the pool any more. */
  begun = false;
  /** Whether it got its worker only after the pool had given up on it. */
  wasAbandoned = false;
  #failedFor: unknown;

  constructor(
    work: (ctx: CallContext) => T | PromiseLike<T>,
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
    unfinished.add(this);
  }

  /** Begins the work. Throws the rejection if the pool has given up on the job. */
  begin(counts: JobCounts): T | PromiseLike<T> {
    if (this.#failedFor !== undefined) {
      this.wasAbandoned = true;
      throw this.#failedFor;
    }
    this.begun = true;
    counts.admitted++;
    return this.#work(this.ctx);
  }

  /** Runs the work under `permit`, which is released before the promise of the job settles. */
  run(permit: Permit, counts: JobCounts): void {
    const failed = (error: unknown): void => {
      counts.failed++;
      permit.release();
      this.fail(error);
    };
    let result: T | PromiseLike<T>;
    try {
      result = this.begin(counts);
    } catch (error) {
      failed(error);
      return;
    }
    Promise.resolve(result).then((value) => {
      counts.completed++;
      permit.release();
      this.succeed(value);
    }, failed);
  }

  succeed(value: T): void {
    this.#unfinished.remove(this);
    this.#resolve(value);
  }

  fail(reason: unknown): void {
    this.#failedFor = reason;
    this.#unfinished.remove(this);
    this.#reject(reason);
  }
}
