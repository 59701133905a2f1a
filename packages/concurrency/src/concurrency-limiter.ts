import type { CallContext, DrainOptions, Permit, Policy, RejectedError, Unsubscribe } from '@bp/core';
import { Closing, checkInteger, Draining, EMPTY_CONTEXT, Rejections } from '@bp/core/kit';
import { Admission } from './admission.ts';
import { CallQueue } from './call-queue.ts';
import { CallRunner } from './call-runner.ts';
import { CallStarter } from './call-starter.ts';
import { CapacityWaiters } from './capacity-waiters.ts';
import { HeldPermit } from './held-permit.ts';
import {
  type ConcurrencyLimiterOptions,
  type ResolvedConcurrencyLimiterOptions,
  resolveOptions,
} from './options.ts';
import { Permits } from './permits.ts';
import { QueuedCall } from './queued-call.ts';

/** A snapshot of a `ConcurrencyLimiter`: gauges and counters that only grow. */
export interface ConcurrencyLimiterStats {
  readonly limit: number;
  /** The sum of the costs of the permits that are handed out now. */
  readonly active: number;
  /** Calls that wait now. */
  readonly queued: number;
  readonly maxQueue: number;
  /** Calls that were started. */
  readonly admitted: number;
  /** Calls that were rejected, on arrival or while they waited. */
  readonly rejected: number;
  /** Milliseconds for which the last calls held their permit, on average; undefined until a call has ended. */
  readonly serviceMs: number | undefined;
  /** Milliseconds for which the last queued calls waited, on average; undefined until a queued call has started. */
  readonly waitMs: number | undefined;
}

/**
 * Limits how many calls run at once. Extra calls wait in a bounded queue, by priority and then in order of arrival; the rest are
 * rejected with a `retryAfterMs` computed from the backlog.
 *
 * No call overtakes an earlier one of the same priority, a call of high cost is not starved by calls of low cost, and a permit
 * comes back exactly once, when the work has ended.
 */
export class ConcurrencyLimiter implements Policy, AsyncDisposable {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  readonly #rejections: Rejections;
  readonly #admission: Admission;
  readonly #starter: CallStarter;
  readonly #queue: CallQueue;
  readonly #runner: CallRunner;
  readonly #capacityWaiters: CapacityWaiters;
  readonly #draining: Draining;
  readonly #closing: Closing;
  /** Whether a caller waits for capacity, for idleness or for the end. */
  #isWatched = false;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: ConcurrencyLimiterOptions) {
    this.#options = resolveOptions(options);
    const { limit, clock, name } = this.#options;
    const isIdle = (): boolean => this.#permits.isIdle && this.#queue.size === 0;
    this.#permits = new Permits(limit);
    this.#rejections = new Rejections(name);
    this.#admission = new Admission(this.#options, this.#permits);
    this.#starter = new CallStarter(this.#options, this.#permits);
    this.#queue = new CallQueue(
      this.#options,
      this.#permits,
      this.#starter,
      this.#rejections,
      this.#onChange,
    );
    this.#runner = new CallRunner(this.#queue);
    this.#capacityWaiters = new CapacityWaiters(this.#options, {
      isImpossible: (ctx) => this.#admission.isImpossible(ctx),
      hasRoom: ({ cost, priority, key }) => this.#hasRoom({ cost, priority, key }),
    });
    this.#draining = new Draining({ clock, name, isIdle });
    this.#closing = new Closing({ clock, isIdle, cancelRest: () => this.#queue.rejectAll() });
  }

  /**
   * Takes a permit if it is free and no call waits for it; returns undefined otherwise. Never throws. A rejection allocates
   * nothing unless there is a listener.
   */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT): Permit | undefined {
    const { cost = 1 } = ctx;
    if (!this.#canStart(cost) || this.#admission.rejects(ctx)) {
      this.#countRejection(ctx);
      return undefined;
    }
    return new HeldPermit(this.#giveBack, cost, this.#starter.start(cost));
  }

  /**
   * Takes a permit of `ctx.cost` (default 1), and waits for it if the queue has room.
   *
   * Rejects with a `RejectedError`: `CONCURRENCY_LIMIT` (no permit and no queue, an estimated wait above `maxWaitMs`, or a cost
   * that a later `setLimit` made impossible), `QUEUE_FULL`, `SHED` (evicted, or waited too long), `DEADLINE_EXCEEDED` (also on
   * arrival, when the call could not be done in time), `CANCELLED` or `SHUTTING_DOWN`. Rejects with a `RangeError` if the cost is
   * not above 0 or is above the limit, if the priority is `NaN`, or for a finite deadline more than ten years
   * ahead; with a `TypeError` if one of them is no number.
   */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<Permit> {
    this.#throwIfRejected(ctx);
    const { cost = 1 } = ctx;
    if (this.#canStart(cost, true)) return new HeldPermit(this.#giveBack, cost, this.#starter.start(cost));
    const call = await this.#queue.turn(cost, ctx);
    if (!(call instanceof QueuedCall)) throw call;
    let startedAt = this.#queue.start(call, true);
    while (startedAt === undefined) {
      await this.#queue.nextTurn();
      startedAt = this.#queue.start(call, true);
    }
    if (typeof startedAt !== 'number') throw startedAt;
    return new HeldPermit(this.#giveBack, cost, startedAt);
  }

  /**
   * Runs `fn` once it has a permit, which is released when `fn` has settled. Rejects as {@link ConcurrencyLimiter.acquire} does,
   * or with the error of `fn`.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    // The shortest way for a call without a context that finds a permit.
    if (ctx === EMPTY_CONTEXT && this.#canStart(1)) {
      return this.#runner.run(fn, ctx, 1, this.#starter.start(1));
    }
    try {
      this.#throwIfRejected(ctx);
    } catch (error) {
      return Promise.reject(error);
    }
    const { cost = 1 } = ctx;
    if (ctx !== EMPTY_CONTEXT && this.#canStart(cost)) {
      return this.#runner.run(fn, ctx, cost, this.#starter.start(cost));
    }
    return this.#runner.runQueued(fn, ctx, cost);
  }

  /**
   * Returns the rejection with which {@link ConcurrencyLimiter.acquire} would reject such a call now; undefined if it would admit
   * it, at once or into the queue. Counts nothing. A wrong field of `ctx` counts as never admittable.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    const rejection = this.#admission.safeRejection(ctx);
    if (rejection !== undefined) return rejection;
    if (this.#queue.size === 0 && this.#permits.fits(ctx.cost ?? 1)) return undefined;
    return this.#queue.forecast.rejectionToWait(ctx, this.#queue.size);
  }

  /** Whether {@link ConcurrencyLimiter.check} would return undefined. Costs less than the rejection. */
  canAdmit(ctx: CallContext = EMPTY_CONTEXT): boolean {
    return !this.#admission.rejects(ctx) && this.#hasRoom(ctx);
  }

  /**
   * Waits until such a call would be admitted, in order of arrival. It reserves nothing: another caller may be quicker. Rejects
   * with `CANCELLED`, `DEADLINE_EXCEEDED` or `SHUTTING_DOWN`, with `CONCURRENCY_LIMIT` and `retryAfterMs: Infinity` when
   * `setLimit` makes the cost impossible, and with `QUEUE_FULL` if 1000 callers wait already. These are not counted in `stats()`.
   */
  async ready(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const rejection = this.#admission.rejection(ctx);
    if (rejection !== undefined) throw rejection;
    this.#isWatched = true;
    await this.#capacityWaiters.wait(ctx);
  }

  /**
   * Estimates how many milliseconds such a call would wait for its permit: 0 if it would start, undefined if nothing is known,
   * `Infinity` if it can never start, also because a field of `ctx` is wrong, else at most five minutes.
   */
  estimatedWaitMs(ctx: CallContext = EMPTY_CONTEXT): number | undefined {
    return this.#admission.isNever(ctx) ? Number.POSITIVE_INFINITY : this.#queue.forecast.waitMs(ctx);
  }

  /** Estimates after how many milliseconds the calls that are ahead of such a call will have started; as `estimatedWaitMs`. */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT): number | undefined {
    return this.estimatedWaitMs(ctx);
  }

  /**
   * Changes the limit (an integer >= 0; 0 is a pause) without interrupting running calls. A queued call that costs more than a
   * lowered limit starts when nothing else runs. @throws TypeError or RangeError.
   */
  setLimit(limit: number): void {
    this.#queue.setLimit(checkInteger('limit', limit, 0));
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. Without a queue, never. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#queue.calls?.onSaturation(listener) ?? (() => {});
  }

  /** Calls `listener` with every rejection, on arrival or while the call waits. Without listeners it costs nothing. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  /** Returns a snapshot. */
  stats(): ConcurrencyLimiterStats {
    const { limit, active } = this.#permits;
    const { admitted, estimator } = this.#starter;
    return {
      limit,
      active,
      queued: this.#queue.calls?.size ?? 0,
      maxQueue: this.#options.maxQueue,
      admitted,
      rejected: this.#rejections.count,
      serviceMs: estimator.serviceMs,
      waitMs: estimator.waitMs,
    };
  }

  /**
   * Resolves when nothing runs and nothing waits. Calls are admitted meanwhile. Keeps the process alive. Rejects with
   * `DEADLINE_EXCEEDED` when `withinMs` have passed, with `CANCELLED` when `signal` is aborted.
   */
  async drain(options?: DrainOptions): Promise<void> {
    this.#isWatched = true;
    await this.#draining.drain(options);
  }

  /**
   * Stops admitting; resolves when all calls that wait or run have ended, or when `withinMs` have passed or `signal` is aborted:
   * then calls that still wait are rejected with `SHUTTING_DOWN`. Running calls are never interrupted. Keeps the process alive.
   * While the limit is 0 no queued call can end, so give `withinMs` or raise it. Idempotent: a later call may only end it sooner.
   */
  close(options?: DrainOptions): Promise<void> {
    const closed = this.#closing.close(options);
    if (this.#closing.started) {
      this.#admission.closing = true;
      this.#isWatched = true;
      this.#capacityWaiters.close();
    }
    return closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #giveBack = (cost: number, startedAt: number): void => this.#queue.end(cost, startedAt);

  /** Whether a call may start now: no call waits, and its permits are free. */
  #canStart(cost: number, soon = false): boolean {
    if (this.#queue.size > 0 || this.#admission.closing) return false;
    return this.#starter.canStart(cost, soon);
  }

  #hasRoom(ctx: CallContext): boolean {
    const { size, forecast, calls } = this.#queue;
    if (size === 0 && this.#permits.fits(ctx.cost ?? 1)) return true;
    return forecast.rejectionForTime(ctx, size) === undefined && calls?.hasRoom(ctx) === true;
  }

  #throwIfRejected(ctx: CallContext): void {
    const rejection = this.#admission.rejection(ctx);
    if (rejection !== undefined) throw this.#rejections.record(rejection);
  }

  #countRejection(ctx: CallContext): void {
    if (!this.#rejections.isObserved) this.#rejections.count++;
    else
      this.#rejections.record(
        this.#admission.safeRejection(ctx) ?? this.#queue.forecast.noPermitRejection(ctx),
      );
  }

  /** Permits or places in the queue may have become free. */
  readonly #onChange = (): void => {
    if (this.#isWatched) this.#notifyWaiters();
  };

  #notifyWaiters(): void {
    this.#capacityWaiters.serve();
    this.#draining.settleIfIdle();
    this.#closing.settleIfIdle();
    this.#isWatched = this.#closing.started || this.#capacityWaiters.any || this.#draining.size > 0;
  }
}
