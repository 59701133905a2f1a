import { ConcurrencyLimiter } from '@bp/concurrency';
import { type CallContext, type Policy, RejectedError, type Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry } from '@bp/core/kit';
import { Consumption } from './consumption.ts';
import { Job } from './job.ts';
import { type ResolvedWorkerPoolOptions, resolveOptions, type WorkerPoolOptions } from './options.ts';
import { Tally } from './tally.ts';
import { Unfinished } from './unfinished.ts';

/** A snapshot of a `WorkerPool`: gauges and counters that only grow. */
export interface WorkerPoolStats {
  readonly workers: number;
  /** Jobs that run now. */
  readonly running: number;
  /** Jobs that wait now. */
  readonly queued: number;
  /** Jobs that may wait at once. */
  readonly maxQueue: number;
  /** Jobs ever started. */
  readonly started: number;
  /** Jobs that ended well. */
  readonly completed: number;
  /** Jobs that threw. */
  readonly failed: number;
  /** Jobs rejected at arrival or while they waited; none of them was started. */
  readonly rejected: number;
  /** How long a job runs, in milliseconds: a mean that follows the last jobs; undefined until one ended. */
  readonly serviceMs: number | undefined;
  /** How long a job that has to wait does, in milliseconds: a mean of the same kind; undefined until one had its turn. */
  readonly waitMs: number | undefined;
}

/**
 * A fixed number of workers over a bounded queue of jobs, on the event loop. A job is a function; its result is the
 * result of `submit`. An idle worker costs nothing and starts the moment a job arrives.
 *
 * Jobs start within the event loop's budget a turn, whether they waited or not, so that jobs which compute cannot
 * keep the loop from seeing, and rejecting, what arrives.
 */
export class WorkerPool implements Policy, AsyncDisposable {
  readonly #options: ResolvedWorkerPoolOptions;
  readonly #limiter: ConcurrencyLimiter;
  readonly #unfinished = new Unfinished();
  readonly #consumptions = new Set<Pick<Consumption<never, never>, 'stop' | 'abandon'>>();
  readonly #tally = new Tally();
  #abort: AbortController | undefined;
  #gaveUp = false;
  /** Rejected jobs that the limiter does not count, less those that it counts too many. */
  #uncounted = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: WorkerPoolOptions) {
    const resolved = resolveOptions(options);
    const { workers, maxQueue, maxWaitMs, fair, sojourn, autoStart, loopBudget, name, clock } = resolved;
    this.#options = resolved;
    this.#limiter = new ConcurrencyLimiter({
      limit: workers,
      maxQueue,
      maxWaitMs,
      fair,
      sojourn,
      loopYielding: 'always',
      loopBudget,
      name,
      clock,
    });
    if (!autoStart) this.stop();
  }

  /** Aborted when `close` gives up on jobs that still run, for jobs that can heed it. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#gaveUp) this.#abort.abort(this.#shutDown());
    }
    return this.#abort.signal;
  }

  submit<T>(job: () => T | PromiseLike<T>): Promise<T>;
  submit<T, C extends CallContext>(job: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  /**
   * Runs `job` on the next free worker and resolves to its result; `ctx` reaches the job.
   *
   * Rejects with the error of the job, or with a `RejectedError` if the job was never started: `QUEUE_FULL` (with the
   * time in which the backlog drains), `CONCURRENCY_LIMIT` (no queue, or the wait would pass `maxWaitMs`), `SHED` (made
   * room for a more important job, or waited too long), `DEADLINE_EXCEEDED`, `CANCELLED`, `SHUTTING_DOWN`; the last
   * also if `close` gave up on it while it ran.
   */
  submit<T>(job: (ctx: never) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    return new Promise((resolve, reject) => {
      const accepted = new Job(job, ctx, resolve, reject, this.#unfinished);
      const permit = this.#limiter.tryAcquire(ctx);
      if (permit !== undefined) accepted.run(permit, this.#tally);
      else this.#runInTurn(accepted);
    });
  }

  trySubmit<T>(job: () => T | PromiseLike<T>): Promise<T> | undefined;
  trySubmit<T, C extends CallContext>(job: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T> | undefined;
  /** The same, but undefined at once if the job would not be accepted. Never throws. */
  trySubmit<T>(
    job: (ctx: never) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> | undefined {
    if (this.#limiter.check(ctx)) return this.submit(job, ctx);
    this.#uncounted++;
    return undefined;
  }

  execute<T>(job: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends CallContext>(job: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  /** {@link WorkerPool.submit} under the name that every policy has, so that a pool can stand in `compose`. */
  execute<T>(job: (ctx: never) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    return this.submit(job, ctx);
  }

  /**
   * Runs `job` on every item of `source`, which is asked for the next item only when a worker is free for it: true
   * backpressure. A source that takes its time keeps no worker waiting. Resolves to the number of items when the source
   * has ended and every job has.
   *
   * Rejects with the first error of the source or of a job, or when `ctx` ends or the pool closes first; the source is
   * then closed and jobs that run are waited for. An item that was asked for at that moment is not run.
   */
  consume<Item, C extends CallContext = CallContext>(
    source: AsyncIterable<Item> | Iterable<Item>,
    job: (item: Item, ctx: C) => unknown,
    ctx: C = EMPTY_CONTEXT as C,
  ): Promise<number> {
    const { loopBudget, clock, name } = this.#options;
    const workers = { limiter: this.#limiter, loopBudget, clock, name, tally: this.#tally };
    const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const consumption = new Consumption(workers, items, job, ctx);
    this.#consumptions.add(consumption);
    return consumption.run().finally(() => this.#consumptions.delete(consumption));
  }

  /** Whether such a job would be accepted now. Changes nothing. */
  check(ctx: CallContext = EMPTY_CONTEXT): boolean {
    return this.#limiter.check(ctx);
  }

  /** For producers that can wait: resolves when a job would be accepted; rejects when `ctx` ends or the pool closes first. */
  ready(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    return this.#limiter.ready(ctx);
  }

  /** Lets jobs start. Only needed after `stop()`, or with `autoStart: false`. */
  start(): void {
    this.#limiter.setLimit(this.#options.workers);
  }

  /** Lets no further job start until `start()`; what runs goes on, and jobs may still come and wait. */
  stop(): void {
    this.#limiter.setLimit(0);
  }

  /** Milliseconds that a job submitted now would wait for a worker; 0 if it would not, or nothing is known yet. */
  estimatedWaitMs(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#limiter.estimatedWaitMs(ctx);
  }

  /** Milliseconds after which the backlog of now will have been served: when a rejected job does best to come back. */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#limiter.retryAfterMs(ctx);
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#limiter.onSaturation(listener);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): WorkerPoolStats {
    const { active, queued, rejected, serviceMs, waitMs } = this.#limiter.stats();
    const { started, completed, failed } = this.#tally;
    return {
      workers: this.#options.workers,
      running: active,
      queued,
      maxQueue: this.#options.maxQueue,
      started,
      completed,
      failed,
      rejected: rejected + this.#uncounted,
      serviceMs,
      waitMs,
    };
  }

  /** Resolves when no job runs or waits; rejects when `ctx` ends first. The pool goes on accepting meanwhile. */
  async drain(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    await this.#limiter.drain(ctx);
  }

  /**
   * Accepts no job any more and resolves when those accepted are done. When `ctx` ends first, jobs that wait are rejected
   * with `SHUTTING_DOWN`, `signal` is aborted and the promises of jobs that still run are rejected in the same way; their
   * workers are busy until they really end. Idempotent: a later call may only end it sooner.
   */
  async close(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const closed = this.#limiter.close(ctx);
    for (const consumption of this.#consumptions) consumption.stop(this.#shutDown());
    this.start();
    await closed;
    if (this.#limiter.stats().active === 0) return;
    this.#gaveUp = true;
    this.#abort?.abort(this.#shutDown());
    this.#unfinished.rejectAll(() => this.#shutDown());
    for (const consumption of this.#consumptions) consumption.abandon(this.#shutDown());
  }

  /** The reaction runs in the async context of the caller, whoever hands the permit on. */
  #runInTurn<T>(job: Job<T>): void {
    // The limiter has counted as rejected what may only have to wait; if that is rejected too, it counts it again.
    this.#uncounted--;
    this.#limiter.acquire(job.ctx).then(
      (permit) => {
        // It may have been cancelled since it was given the permit.
        const over = rejectionAtEntry(job.ctx, this.#options.clock, this.#options.name);
        if (over === undefined) {
          job.run(permit, this.#tally);
          return;
        }
        this.#uncounted++;
        permit.release();
        job.fail(over);
      },
      (rejection: unknown) => job.fail(rejection),
    );
  }

  #shutDown(): RejectedError {
    return new RejectedError('SHUTTING_DOWN', this.#options.name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
