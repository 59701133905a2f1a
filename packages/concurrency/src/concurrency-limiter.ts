import type { CallContext, Policy, RejectedError, Unsubscribe } from '@bp/core';
import { checkInteger, EMPTY_CONTEXT, rejectionAtEntry } from '@bp/core/kit';
import { Calls } from './calls.ts';
import { Line } from './line.ts';
import { Onlookers } from './onlookers.ts';
import {
  type ConcurrencyLimiterOptions,
  type ResolvedConcurrencyLimiterOptions,
  resolveOptions,
} from './options.ts';
import { OncePermit, type Permit } from './permit.ts';
import { Permits } from './permits.ts';
import { Rejections } from './rejections.ts';

/** A snapshot of a `ConcurrencyLimiter`: gauges and counters that only grow. */
export interface ConcurrencyLimiterStats {
  readonly limit: number;
  /** The weight of the permits out now. */
  readonly active: number;
  /** Calls that wait now. */
  readonly queued: number;
  readonly maxQueue: number;
  /** Calls ever given a permit. */
  readonly admitted: number;
  /** Calls ever rejected, at arrival or while they waited. */
  readonly rejected: number;
  /** How long a permit is out, in milliseconds: a mean that follows the last calls; undefined until one came back. */
  readonly serviceMs: number | undefined;
  /** How long those who waited did, in milliseconds: a mean of the same kind; undefined until one had its turn. */
  readonly waitMs: number | undefined;
}

/**
 * Lets at most `limit` calls run at once; some more wait in order of priority, first come first served among equals,
 * and the rest is rejected with the time after which the backlog will have been served.
 *
 * A newcomer never overtakes whoever waits, a heavy call is not starved by light ones, and a permit comes back exactly
 * once, when the work has ended.
 */
export class ConcurrencyLimiter implements Policy, AsyncDisposable {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  readonly #rejections: Rejections;
  readonly #onlookers: Onlookers;
  readonly #line: Line;
  readonly #calls: Calls;
  #closing = false;
  #closed: Promise<void> | undefined;
  #close: () => void = () => {};

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: ConcurrencyLimiterOptions) {
    this.#options = resolveOptions(options);
    const { limit, maxQueue, loopYielding, loopBudget, clock, name } = this.#options;
    this.#permits = new Permits(limit, loopBudget, loopYielding === 'always' && maxQueue > 0);
    this.#rejections = new Rejections(clock, name);
    this.#onlookers = new Onlookers(this.#options, {
      hasRoom: ({ cost, priority, key }) => this.check({ cost, priority, key }),
      isIdle: () => this.#permits.allHome && this.#line.size === 0,
    });
    this.#line = new Line(this.#options, this.#permits, this.#rejections, this.#onlookers);
    this.#calls = new Calls(this.#permits, this.#line, this.#rejections);
  }

  /** A permit if one is free and nobody waits for it, else undefined. Never throws; a full limiter allocates nothing. */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT): Permit | undefined {
    const { cost = 1 } = ctx;
    if (Number.isNaN(ctx.priority) || !this.#canStart(cost) || this.#isOver(ctx)) {
      this.#rejections.count++;
      return undefined;
    }
    return new OncePermit(this.#giveBack, cost, this.#permits.begin(cost));
  }

  /**
   * A permit of weight `ctx.cost` (default 1), waiting for it if there is room to wait.
   *
   * Rejects with a `RejectedError` of code `CONCURRENCY_LIMIT` (no permit, and waiting is not possible or would take
   * longer than `maxWaitMs`), `QUEUE_FULL`, `SHED` (made room, or waited too long), `DEADLINE_EXCEEDED` (also at
   * arrival, when the wait and the work would not be done in time), `CANCELLED` or `SHUTTING_DOWN`; with a
   * `RangeError` if the cost is not above 0 or above the limit, or the priority is `NaN`.
   */
  acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<Permit> {
    const { cost = 1 } = ctx;
    const rejection = this.#rejectionAtDoor(cost, ctx);
    if (rejection !== undefined) return Promise.reject(rejection);
    const permits = this.#permits;
    if (this.#canStart(cost)) {
      return Promise.resolve(new OncePermit(this.#giveBack, cost, permits.begin(cost)));
    }
    return new Promise((resolve, reject) => {
      this.#line.wait(cost, ctx, (outcome) => {
        if (typeof outcome !== 'number') return reject(outcome);
        permits.admitted++;
        resolve(new OncePermit(this.#giveBack, cost, outcome));
      });
    });
  }

  /**
   * Runs `fn` once there is a permit for it, which is released when `fn` has settled. Rejects as
   * {@link ConcurrencyLimiter.acquire} does, or with the error of `fn`.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    // A call that says nothing of itself, and has a permit, need not be asked for more.
    if (ctx === EMPTY_CONTEXT && this.#canStart(1)) {
      return this.#calls.run(fn, ctx, 1, this.#permits.begin(1));
    }
    const { cost = 1 } = ctx;
    const rejection = this.#rejectionAtDoor(cost, ctx);
    if (rejection !== undefined) return Promise.reject(rejection);
    if (ctx !== EMPTY_CONTEXT && this.#canStart(cost)) {
      return this.#calls.run(fn, ctx, cost, this.#permits.begin(cost));
    }
    return this.#calls.runInTurn(fn, ctx, cost);
  }

  /** Whether {@link ConcurrencyLimiter.acquire} would be given a permit or a place to wait. Changes nothing. */
  check(ctx: CallContext = EMPTY_CONTEXT): boolean {
    const { cost = 1, priority = 0 } = ctx;
    if (this.#closing || !(cost > 0 && cost <= this.#mostCost) || Number.isNaN(priority)) return false;
    if (this.#isOver(ctx)) return false;
    // One that the loop's budget holds back waits in a queue that is empty.
    if (this.#line.size === 0 && this.#permits.hasFree(cost)) return true;
    return this.#line.rejectionToWait(ctx) === undefined;
  }

  /**
   * For producers that can wait: resolves when such a call would be admitted, in the order in which they asked. It holds
   * no place, so somebody may still be quicker. Rejects with `CANCELLED`, `DEADLINE_EXCEEDED` or `SHUTTING_DOWN`, and
   * with `QUEUE_FULL` if 1000 wait for it already.
   */
  async ready(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const rejection = this.#rejectionAtDoor(ctx.cost ?? 1, ctx);
    if (rejection !== undefined) throw rejection;
    await this.#onlookers.waitForRoom(ctx);
  }

  /** Milliseconds that a call arriving now would wait for its permit; 0 if it would not, or nothing is known yet. */
  estimatedWaitMs(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#line.waitMs(ctx) ?? 0;
  }

  /** Milliseconds after which what is ahead of such a call now will have been served; 0 if nothing is, or is known yet. */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.estimatedWaitMs(ctx);
  }

  /**
   * Changes the limit (an integer >= 0; 0 lets nobody start) without interrupting anybody: more start at once, or
   * fewer from now on. Who then weighs more than the limit is started alone. @throws TypeError or RangeError.
   */
  setLimit(limit: number): void {
    this.#line.setLimit(checkInteger('limit', limit, 0));
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. Without a queue, never. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#line.waiters?.onSaturation(listener) ?? (() => {});
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): ConcurrencyLimiterStats {
    const { limit, active, admitted, pace } = this.#permits;
    const { serviceMs, waitMs } = pace;
    return {
      limit,
      active,
      queued: this.#line.waiters?.size ?? 0,
      maxQueue: this.#options.maxQueue,
      admitted,
      rejected: this.#rejections.count,
      serviceMs,
      waitMs,
    };
  }

  /** Resolves when nothing runs and nobody waits; rejects when `ctx` ends first. It goes on admitting meanwhile. */
  async drain(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const over = rejectionAtEntry(ctx, this.#options.clock, this.#options.name);
    if (over !== undefined) throw over;
    await this.#onlookers.waitForIdle(ctx);
  }

  /**
   * Admits nobody any more and resolves when whoever waits or runs is done, or when `ctx` ends: then whoever still
   * waits is rejected with `SHUTTING_DOWN`. What runs is never interrupted. While the limit is 0 nobody who waits can be done, so
   * give a deadline or raise it. Idempotent: a later call may only end it sooner.
   */
  close(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#close = resolve;
    });
    this.#closing = true;
    this.#onlookers.close();
    void Promise.allSettled([this.#line.waiters?.close(ctx), this.drain(ctx)]).then(this.#close);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #giveBack = (cost: number, startedAt: number): void => this.#line.end(cost, startedAt);

  /** Whether a newcomer of this weight may start now: nobody waits, and there are permits and time for it. */
  #canStart(cost: number): boolean {
    if (!this.#permits.hasFree(cost) || this.#closing || this.#line.size > 0) return false;
    return this.#permits.mayBegin();
  }

  /** A call heavier than this can never be admitted. */
  get #mostCost(): number {
    return this.#permits.limit === 0 ? this.#options.limit : this.#permits.limit;
  }

  #isOver(ctx: CallContext): boolean {
    if (ctx === EMPTY_CONTEXT) return false;
    return rejectionAtEntry(ctx, this.#options.clock, this.#options.name) !== undefined;
  }

  /** Why a call is rejected before it may start or wait, if it is. */
  #rejectionAtDoor(cost: number, ctx: CallContext): RejectedError | RangeError | undefined {
    if (ctx !== EMPTY_CONTEXT) {
      if (!(cost > 0 && cost <= this.#mostCost)) {
        return new RangeError(`cost must be above 0 and at most limit = ${this.#mostCost}, got ${cost}`);
      }
      if (Number.isNaN(ctx.priority)) return new RangeError('priority must be a number, got NaN');
      const over = this.#rejections.ifOver(ctx);
      if (over !== undefined) return over;
    }
    return this.#closing ? this.#rejections.reject('SHUTTING_DOWN') : undefined;
  }
}
