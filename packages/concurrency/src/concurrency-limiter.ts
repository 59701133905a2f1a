import {
  type AdmissionOptions,
  checkInteger,
  NO_ADMISSION_OPTIONS,
  type Policy,
  type RejectedError,
  refusalAtEntry,
  type Unsubscribe,
} from '@bp/core';
import {
  type ConcurrencyLimiterOptions,
  type ResolvedConcurrencyLimiterOptions,
  resolveOptions,
} from './options.ts';
import { OncePermit, type Permit } from './permit.ts';
import { Permits } from './permits.ts';
import { ReadyList } from './ready-list.ts';

/** Calls of `ready` that may wait at once. */
const MAX_READY = 1000;

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
  /** Calls ever refused, at arrival or while they waited. */
  readonly refused: number;
  /** How long a permit is out, in milliseconds: a mean that follows the last calls; undefined until one came back. */
  readonly serviceMs: number | undefined;
  /** How long those who waited did, in milliseconds: a mean of the same kind; undefined until one had its turn. */
  readonly waitMs: number | undefined;
}

/**
 * Lets at most `limit` calls run at once; some more wait in order of priority, first come first served among equals,
 * and the rest is refused with the time after which the backlog will have been served.
 *
 * A newcomer never overtakes whoever waits, a heavy call is not starved by light ones, and a permit comes back exactly
 * once, when the work has ended.
 */
export class ConcurrencyLimiter implements Policy, AsyncDisposable {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  readonly #ready: ReadyList;
  readonly #idle: ReadyList;
  #telling = false;
  #closed: Promise<void> | undefined;
  #close: () => void = () => {};

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: ConcurrencyLimiterOptions) {
    this.#options = resolveOptions(options);
    const { name, clock } = this.#options;
    this.#ready = new ReadyList(clock, name, MAX_READY);
    this.#idle = new ReadyList(clock, name, Number.POSITIVE_INFINITY);
    this.#permits = new Permits(this.#options, this.#onMoved);
  }

  /** A permit if one is free and nobody waits for it, else undefined. Never throws; a full limiter allocates nothing. */
  tryAcquire(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Permit | undefined {
    const { cost = 1 } = ctx;
    if (!this.#permits.canStart(cost) || this.#isOver(ctx)) {
      this.#permits.refused++;
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
  acquire(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<Permit> {
    const { cost = 1 } = ctx;
    const refusal = this.#refusalAtDoor(cost, ctx);
    if (refusal !== undefined) return Promise.reject(refusal);
    const permits = this.#permits;
    if (permits.canStart(cost)) {
      return Promise.resolve(new OncePermit(this.#giveBack, cost, permits.begin(cost)));
    }
    return new Promise((resolve, reject) => {
      permits.wait(cost, ctx, (outcome) => {
        if (typeof outcome !== 'number') return reject(outcome);
        permits.admitted++;
        resolve(new OncePermit(this.#giveBack, cost, outcome));
      });
    });
  }

  execute<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends AdmissionOptions>(fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  /**
   * Runs `fn` once there is a permit for it, which is released when `fn` has settled. Rejects as
   * {@link ConcurrencyLimiter.acquire} does, or with the error of `fn`.
   */
  execute<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    const permits = this.#permits;
    if (ctx === NO_ADMISSION_OPTIONS && permits.canStart(1)) return this.#run(fn, 1, permits.begin(1), ctx);
    const { cost = 1 } = ctx;
    const refusal = this.#refusalAtDoor(cost, ctx);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (ctx !== NO_ADMISSION_OPTIONS && permits.canStart(cost)) {
      return this.#run(fn, cost, permits.begin(cost), ctx);
    }
    return this.#runInTurn(fn, cost, ctx);
  }

  /** Whether {@link ConcurrencyLimiter.acquire} would be given a permit or a place to wait. Changes nothing. */
  check(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): boolean {
    const { cost = 1, priority = 0 } = ctx;
    const permits = this.#permits;
    if (permits.closing || !(cost > 0 && cost <= this.#mostCost) || Number.isNaN(priority)) return false;
    if (this.#isOver(ctx)) return false;
    return permits.canStart(cost) || permits.refusalToWait(ctx) === undefined;
  }

  /**
   * For producers that can wait: resolves when such a call would be admitted, in the order in which they asked. It holds
   * no place, so somebody may still be quicker. Rejects with `CANCELLED`, `DEADLINE_EXCEEDED` or `SHUTTING_DOWN`, and
   * with `QUEUE_FULL` if 1000 wait for it already.
   */
  async ready(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const refusal = this.#refusalAtDoor(ctx.cost ?? 1, ctx);
    if (refusal !== undefined) throw refusal;
    if (this.#ready.isEmpty && this.#hasRoom(ctx)) return;
    this.#permits.watched = true;
    await this.#ready.wait(ctx);
  }

  /** Milliseconds that a call arriving now would wait for its permit; 0 if it would not, or nothing is known yet. */
  estimatedWaitMs(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): number {
    return this.#permits.waitMs(ctx) ?? 0;
  }

  /** Milliseconds after which what is ahead of such a call now will have been served; 0 if nothing is, or is known yet. */
  retryAfterMs(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): number {
    return this.estimatedWaitMs(ctx);
  }

  /**
   * Changes the limit (an integer >= 0; 0 lets nobody start) without interrupting anybody: more start at once, or
   * fewer from now on. Who then weighs more than the limit is started alone. @throws TypeError or RangeError.
   */
  setLimit(limit: number): void {
    this.#permits.setLimit(checkInteger('limit', limit, 0));
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. Without a queue, never. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#permits.queue?.onSaturation(listener) ?? (() => {});
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): ConcurrencyLimiterStats {
    const { limit, active, queued, admitted, refused, pace } = this.#permits;
    const { maxQueue } = this.#options;
    const { serviceMs, waitMs } = pace;
    return { limit, active, queued, maxQueue, admitted, refused, serviceMs, waitMs };
  }

  /** Resolves when nothing runs and nobody waits; rejects when `ctx` ends first. It goes on admitting meanwhile. */
  async drain(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const over = refusalAtEntry(ctx, this.#options.clock, this.#options.name);
    if (over !== undefined) throw over;
    if (this.#permits.isIdle) return;
    this.#permits.watched = true;
    await this.#idle.wait(ctx);
  }

  /**
   * Admits nobody any more and resolves when whoever waits or runs is done, or when `ctx` ends: then whoever still
   * waits is refused with `SHUTTING_DOWN`. What runs is never interrupted. Idempotent: a later call may only end it sooner.
   */
  close(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#close = resolve;
    });
    this.#permits.closing = true;
    this.#ready.close();
    void Promise.allSettled([this.#permits.queue?.close(ctx), this.drain(ctx)]).then(this.#close);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #giveBack = (cost: number, startedAt: number): void => this.#permits.end(cost, startedAt);

  readonly #onResult = <T>(value: T): T => {
    this.#permits.end(1, Number.NaN);
    return value;
  };

  readonly #onError = (error: unknown): never => {
    this.#permits.end(1, Number.NaN);
    throw error;
  };

  #run<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    cost: number,
    startedAt: number,
    ctx: AdmissionOptions,
  ): Promise<T> {
    let result: T | PromiseLike<T>;
    try {
      result = fn(ctx as never);
    } catch (error) {
      this.#permits.end(cost, startedAt);
      return Promise.reject(error);
    }
    const settled = Promise.resolve(result) as Promise<T>;
    // Most calls are neither heavy nor timed: for them there is nothing to remember, and so no closure to make.
    return cost === 1 && Number.isNaN(startedAt)
      ? settled.then(this.#onResult, this.#onError)
      : this.#endWith(settled, cost, startedAt);
  }

  async #endWith<T>(settled: Promise<T>, cost: number, startedAt: number): Promise<T> {
    try {
      return await settled;
    } finally {
      this.#permits.end(cost, startedAt);
    }
  }

  // Async, so that the call goes on in the async context of its own caller, whoever gives it the permit.
  async #runInTurn<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    cost: number,
    ctx: AdmissionOptions,
  ): Promise<T> {
    const permits = this.#permits;
    const start = await new Promise<number | RejectedError>((settle) => permits.wait(cost, ctx, settle));
    if (typeof start !== 'number') throw start;
    // It may have been cancelled since it was given the permit.
    const over = permits.refusalIfOver(ctx);
    if (over !== undefined) {
      permits.end(cost, Number.NaN);
      throw over;
    }
    permits.admitted++;
    try {
      return await fn(ctx as never);
    } finally {
      permits.end(cost, start);
    }
  }

  /** What {@link ConcurrencyLimiter.check} says to such a call that has all the time in the world. */
  #hasRoom({ cost, priority }: AdmissionOptions): boolean {
    return this.check({ cost, priority });
  }

  /** A call heavier than this can never be admitted. */
  get #mostCost(): number {
    return this.#permits.limit === 0 ? this.#options.limit : this.#permits.limit;
  }

  #isOver(ctx: AdmissionOptions): boolean {
    if (ctx === NO_ADMISSION_OPTIONS) return false;
    return refusalAtEntry(ctx, this.#options.clock, this.#options.name) !== undefined;
  }

  /** Why a call is refused before it may start or wait, if it is. */
  #refusalAtDoor(cost: number, ctx: AdmissionOptions): RejectedError | RangeError | undefined {
    if (ctx !== NO_ADMISSION_OPTIONS) {
      if (!(cost > 0 && cost <= this.#mostCost)) {
        return new RangeError(`cost must be above 0 and at most limit = ${this.#mostCost}, got ${cost}`);
      }
      if (Number.isNaN(ctx.priority)) return new RangeError('priority must be a number, got NaN');
      const over = this.#permits.refusalIfOver(ctx);
      if (over !== undefined) return over;
    }
    return this.#permits.closing ? this.#permits.refuse('SHUTTING_DOWN') : undefined;
  }

  /** There may be more room than before, or nothing left to do. */
  readonly #onMoved = (): void => {
    this.#permits.watched = !this.#ready.isEmpty || !this.#idle.isEmpty;
    if (!this.#ready.isEmpty && !this.#telling) this.#tellFirst();
    if (!this.#idle.isEmpty && this.#permits.isIdle) this.#idle.wakeAll();
  };

  /** One at a time, and the next one in the next turn: by then the first has made its call, or does not want to. */
  readonly #tellFirst = (): void => {
    this.#telling = false;
    const { firstCtx } = this.#ready;
    if (firstCtx === undefined || !this.#hasRoom(firstCtx)) return;
    this.#ready.wakeFirst();
    if (this.#ready.isEmpty) return;
    this.#telling = true;
    this.#options.clock.nextTurn(this.#tellFirst);
  };
}
