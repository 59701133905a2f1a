import { ConcurrencyLimiter } from '@bp/concurrency';
import {
  type CallContext,
  type DrainOptions,
  isRejected,
  type Policy,
  RejectedError,
  type Unsubscribe,
} from '@bp/core';
import { checkDrainOptions, EMPTY_CONTEXT, Listeners } from '@bp/core/kit';
import { Consumption } from './consumption.ts';
import { PendingJob } from './job.ts';
import { JobCounts } from './job-counts.ts';
import { type ResolvedWorkerPoolOptions, resolveOptions, type WorkerPoolOptions } from './options.ts';
import { UnfinishedJobs } from './unfinished-jobs.ts';

/** A snapshot of a `WorkerPool`: gauges and counters that only grow. */
export interface WorkerPoolStats {
  readonly workers: number;
  /** Workers that are busy now: the sum of the costs of the running jobs. */
  readonly active: number;
  /** Jobs that wait now. */
  readonly queued: number;
  readonly maxQueue: number;
  /** Jobs that were started. */
  readonly admitted: number;
  /** Jobs that ended without an error. */
  readonly completed: number;
  /** Jobs that threw. */
  readonly failed: number;
  /** Jobs that were rejected, on arrival or while they waited; none of them was started. */
  readonly rejected: number;
  /** Milliseconds for which the last jobs ran, on average; undefined until a job has ended. */
  readonly serviceMs: number | undefined;
  /** Milliseconds for which the last queued jobs waited, on average; undefined until a queued job has started. */
  readonly waitMs: number | undefined;
}

/**
 * Runs jobs on a fixed number of workers behind a bounded queue, on the event loop. A job is a function; `submit` resolves to its
 * result. An idle worker costs nothing and starts a job at once.
 *
 * All jobs start within the loop budget, whether they waited or not: jobs that compute cannot keep the event loop from reading
 * and rejecting requests.
 */
export class WorkerPool implements Policy, AsyncDisposable {
  readonly #options: ResolvedWorkerPoolOptions;
  readonly #limiter: ConcurrencyLimiter;
  readonly #rejectionListeners = new Listeners<RejectedError>();
  readonly #unfinished = new UnfinishedJobs();
  readonly #consumptions = new Set<Pick<Consumption<never>, 'stop' | 'abandon'>>();
  readonly #counts = new JobCounts();
  #controller: AbortController | undefined;
  #gaveUp = false;
  /** Rejected jobs that the limiter does not count, less the jobs that it counts although they only had to wait. */
  #uncountedRejections = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: WorkerPoolOptions) {
    this.#options = resolveOptions(options);
    const { workers, autoStart, ...limiterOptions } = this.#options;
    this.#limiter = new ConcurrencyLimiter({ ...limiterOptions, limit: workers, loopYielding: 'always' });
    if (!autoStart) this.stop();
  }

  /** Is aborted when `close` gives up on jobs that still run. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#gaveUp) this.#controller.abort(this.#shutDown());
    }
    return this.#controller.signal;
  }

  /**
   * Runs `job` on the next free worker and resolves to its result. The job receives `ctx`.
   *
   * Rejects with the error of the job, or with a `RejectedError` if the job was never started: `QUEUE_FULL`, `CONCURRENCY_LIMIT` (no
   * queue, or an estimated wait above `maxWaitMs`), `SHED` (evicted, or waited too long),
   * `DEADLINE_EXCEEDED`, `CANCELLED`, `SHUTTING_DOWN`; the last one also if `close` gave up on it while it ran.
   */
  submit<T>(job: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending = new PendingJob(job, ctx, resolve, reject, this.#unfinished);
      const permit = this.#limiter.tryAcquire(ctx);
      if (permit !== undefined) pending.run(permit, this.#counts);
      else this.#runQueued(pending);
    });
  }

  /** Does the same, but returns undefined at once if the job would be rejected. Never throws. */
  trySubmit<T>(
    job: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> | undefined {
    if (this.#limiter.canAdmit(ctx)) return this.submit(job, ctx);
    this.#uncountedRejections++;
    const rejection = this.#rejectionListeners.isEmpty ? undefined : this.#limiter.check(ctx);
    if (rejection !== undefined) this.#rejectionListeners.emit(rejection);
    return undefined;
  }

  /** Does the same as {@link WorkerPool.submit}, so that a pool is a `Policy` for `compose`. */
  execute<T>(job: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    return this.submit(job, ctx);
  }

  /**
   * Runs `job` for every item of `source`, and asks for the next item only when a worker is free. A slow source keeps no worker
   * waiting. Resolves to the number of items when the source has ended and every job has.
   *
   * Rejects with the first error of the source or of a job, or when `ctx` ends or the pool closes first. It then closes the source,
   * starts no further job, also for an item that it had asked for, and waits for the running jobs.
   */
  consume<Item>(
    source: AsyncIterable<Item> | Iterable<Item>,
    job: (item: Item, ctx: CallContext) => unknown,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<number> {
    const { loopBudget, clock, name } = this.#options;
    const workers = { limiter: this.#limiter, loopBudget, clock, name, counts: this.#counts };
    const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const consumption = new Consumption(workers, items, job, ctx);
    this.#consumptions.add(consumption);
    return consumption.run().finally(() => this.#consumptions.delete(consumption));
  }

  /** Returns the rejection with which {@link WorkerPool.submit} would reject such a job now; undefined if it would accept it. */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    return this.#limiter.check(ctx);
  }

  /**
   * Waits until a job would be accepted. It reserves nothing. Rejects when `ctx` ends or the pool closes first, with `QUEUE_FULL` if
   * 1000 callers wait already, and with a TypeError or RangeError if a field of `ctx` is wrong.
   */
  ready(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    return this.#limiter.ready(ctx);
  }

  /** Lets jobs start. Only needed after `stop()`, or with `autoStart: false`. */
  start(): void {
    this.#limiter.setLimit(this.#options.workers);
  }

  /** Starts no further job until `start()`. Running jobs go on, and new jobs wait in the queue. */
  stop(): void {
    this.#limiter.setLimit(0);
  }

  /**
   * Estimates how many milliseconds such a job would wait for a worker: 0 if it would start, undefined if nothing is known,
   * `Infinity` if it can never start, else at most five minutes.
   */
  estimatedWaitMs(ctx: CallContext = EMPTY_CONTEXT): number | undefined {
    return this.#limiter.estimatedWaitMs(ctx);
  }

  /** Estimates after how many milliseconds the jobs that are ahead of such a job will have started; as `estimatedWaitMs`. */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT): number | undefined {
    return this.#limiter.retryAfterMs(ctx);
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#limiter.onSaturation(listener);
  }

  /** Calls `listener` with every rejection, on arrival or while the job waits. Without listeners it costs nothing. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejectionListeners.add(listener);
  }

  /** Returns a snapshot. */
  stats(): WorkerPoolStats {
    const { active, queued, serviceMs, waitMs, ...limiter } = this.#limiter.stats();
    const { workers, maxQueue } = this.#options;
    const { admitted, completed, failed } = this.#counts;
    const rejected = limiter.rejected + this.#uncountedRejections;
    return { workers, active, queued, maxQueue, admitted, completed, failed, rejected, serviceMs, waitMs };
  }

  /**
   * Resolves when no job runs or waits. Jobs are accepted meanwhile. Keeps the process alive. Rejects with `DEADLINE_EXCEEDED`
   * when `withinMs` have passed, with `CANCELLED` when `signal` is aborted.
   */
  async drain(options?: DrainOptions): Promise<void> {
    await this.#limiter.drain(options);
  }

  /**
   * Accepts no more jobs and resolves when the accepted ones are done; starts a stopped pool for that. When `withinMs` have passed
   * or `signal` is aborted first, jobs that wait are rejected with `SHUTTING_DOWN`, the pool's own `signal` is aborted, and the
   * promises of running jobs are rejected in the same way; their workers are busy until the jobs end. Keeps the process alive.
   * Idempotent: a later call may only end it sooner.
   */
  async close(options: DrainOptions = {}): Promise<void> {
    checkDrainOptions(options);
    const closed = this.#limiter.close(options);
    for (const consumption of this.#consumptions) consumption.stop(this.#shutDown());
    this.start();
    await closed;
    if (this.#limiter.stats().active === 0) return;
    this.#gaveUp = true;
    this.#controller?.abort(this.#shutDown());
    this.#unfinished.rejectAll(() => this.#shutDown());
    for (const consumption of this.#consumptions) consumption.abandon(this.#shutDown());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs a job that found no free worker, or rejects it. */
  #runQueued<T>(job: PendingJob<T>): void {
    // The attempt to take a worker at once counts as a rejection in the limiter, and so does a rejection that follows.
    this.#uncountedRejections--;
    this.#limiter
      .execute(() => job.begin(this.#counts), job.ctx)
      .then(
        (result) => {
          this.#counts.completed++;
          job.succeed(result);
        },
        (error: unknown) => {
          if (job.begun) this.#counts.failed++;
          else this.#onRejected(error, job.wasAbandoned);
          job.fail(error);
        },
      );
  }

  #onRejected(error: unknown, wasAbandoned: boolean): void {
    if (wasAbandoned) this.#uncountedRejections++;
    if (isRejected(error)) this.#rejectionListeners.emit(error);
  }

  #shutDown(): RejectedError {
    return new RejectedError('SHUTTING_DOWN', this.#options.name);
  }
}
