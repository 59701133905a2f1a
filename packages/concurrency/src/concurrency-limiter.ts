import { PriorityQueue, ServiceTime } from '@bp/bounded-queue';
import {
  type AdmissionOptions,
  checkInteger,
  type LoopBudget,
  loopBudgetOf,
  NO_ADMISSION_OPTIONS,
  type Policy,
  RejectedError,
  type RejectionCode,
  refusalAtEntry,
  type Unsubscribe,
  watchAdmission,
} from '@bp/core';
import {
  type ConcurrencyLimiterOptions,
  type ResolvedConcurrencyLimiterOptions,
  resolveOptions,
} from './options.ts';
import { OncePermit, type Permit } from './permit.ts';
import { ReadyList } from './ready-list.ts';
import { type Waiter, withMaxWait } from './waiter.ts';

/** While nobody waits, only one call in so many is timed: the clock costs more than the rest of the decision. */
const TIMED_ONE_IN = 16;

/** Calls of `ready` that may wait at once. */
const MAX_READY = 1000;

/** A snapshot of a `ConcurrencyLimiter`: gauges and counters that only grow. */
export interface ConcurrencyLimiterStats {
  readonly limit: number;
  /** Permits out now. */
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
  readonly #queue: PriorityQueue<Waiter> | undefined;
  readonly #budget: LoopBudget;
  readonly #service = new ServiceTime();
  readonly #ready: ReadyList;
  /** Where the clock is read anyway, every call is timed. */
  readonly #timesAll: boolean;
  #limit: number;
  #active = 0;
  #queuedWeight = 0;
  #admitted = 0;
  #refused = 0;
  /** When the limit was last reached: how old the oldest running call is at most, before any was timed. */
  #fullSince = 0;
  #resuming = false;
  #closing = false;
  #idle: (() => void)[] = [];

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: ConcurrencyLimiterOptions) {
    const resolved = resolveOptions(options);
    const { limit, maxQueue, name, clock } = resolved;
    this.#options = resolved;
    this.#timesAll = resolved.loopYielding === 'always';
    this.#limit = limit;
    this.#budget = loopBudgetOf(clock);
    this.#ready = new ReadyList(clock, name, MAX_READY);
    this.#queue =
      maxQueue === 0
        ? undefined
        : new PriorityQueue<Waiter>({ capacity: maxQueue, name, clock, onDrop: this.#onDrop });
  }

  /** A permit if one is free and nobody waits for it, else undefined. Never throws; a refusal allocates nothing. */
  tryAcquire(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Permit | undefined {
    const { cost = 1 } = ctx;
    if (!this.#canStart(cost) || this.#isOver(ctx)) {
      this.#refused++;
      return undefined;
    }
    return this.#permit(cost, this.#begin(cost));
  }

  /**
   * A permit of weight `ctx.cost` (default 1), waiting for it if there is room to wait.
   *
   * Rejects with a `RejectedError` of code `CONCURRENCY_LIMIT` (no permit, and waiting is not possible or would take
   * longer than `maxWaitMs`), `QUEUE_FULL`, `SHED` (made room, or waited too long), `DEADLINE_EXCEEDED` (also at
   * arrival, when the wait and the work would not be done in time), `CANCELLED` or `SHUTTING_DOWN`; with a
   * `RangeError` if the cost is not above 0 or above the limit.
   */
  acquire(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<Permit> {
    const { cost = 1 } = ctx;
    const refusal = this.#refusalAtDoor(cost, ctx);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#canStart(cost)) return Promise.resolve(this.#permit(cost, this.#begin(cost)));
    return new Promise((resolve, reject) => {
      this.#wait({ weight: cost, start: (startedAt) => resolve(this.#permit(cost, startedAt)), reject }, ctx);
    });
  }

  execute<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends AdmissionOptions>(fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  /**
   * Runs `fn` once there is a permit for it, which is released when `fn` has settled. Rejects as
   * {@link ConcurrencyLimiter.acquire} does, or with the error of `fn`.
   */
  async execute<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    const { cost = 1 } = ctx;
    const refusal = this.#refusalAtDoor(cost, ctx);
    if (refusal !== undefined) throw refusal;
    const startedAt = this.#canStart(cost) ? this.#begin(cost) : await this.#turn(cost, ctx);
    try {
      return await fn(ctx as never);
    } finally {
      this.#end(cost, startedAt);
    }
  }

  /** Whether {@link ConcurrencyLimiter.acquire} would be given a permit or a place to wait. Changes nothing. */
  check(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): boolean {
    const { cost = 1 } = ctx;
    if (this.#closing || !(cost > 0 && cost <= this.#mostCost) || this.#isOver(ctx)) return false;
    return this.#canStart(cost) || this.#refusalToWait(ctx, this.estimatedWaitMs(ctx)) === undefined;
  }

  /**
   * For producers that can wait: resolves when a call would be admitted, in the order in which they asked. It holds no
   * place, so somebody may still be quicker. Rejects with `CANCELLED`, `DEADLINE_EXCEEDED` or `SHUTTING_DOWN`, and with
   * `QUEUE_FULL` if 1000 wait for it already.
   */
  async ready(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const over = refusalAtEntry(ctx, this.#options.clock, this.#options.name);
    if (over !== undefined) throw over;
    if (this.#closing) throw new RejectedError('SHUTTING_DOWN', this.#options.name);
    if (this.#ready.isEmpty && this.check()) return;
    await this.#ready.wait(ctx);
  }

  /** Milliseconds that a call arriving now would wait for its permit; 0 if it would not, or nothing is known yet. */
  estimatedWaitMs(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): number {
    const { cost = 1 } = ctx;
    if (this.#canStart(cost)) return 0;
    return ((this.#queuedWeight + cost) * this.#serviceMs()) / Math.max(1, this.#limit);
  }

  /** Milliseconds after which what is ahead of such a call now will have been served; 0 if it can start at once. */
  retryAfterMs(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): number {
    return this.estimatedWaitMs(ctx);
  }

  /**
   * Changes the limit (an integer >= 0; 0 lets nobody start) without interrupting anybody: more start at once, or
   * fewer from now on. Who then weighs more than the limit is started alone. @throws TypeError or RangeError.
   */
  setLimit(limit: number): void {
    this.#limit = checkInteger('limit', limit, 0);
    this.#dispatch();
  }

  /** Calls `listener` with true when the queue is full, with false when it is back to half. Without a queue, never. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#queue?.onSaturation(listener) ?? (() => {});
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): ConcurrencyLimiterStats {
    return {
      limit: this.#limit,
      active: this.#active,
      queued: this.#queue?.size ?? 0,
      maxQueue: this.#options.maxQueue,
      admitted: this.#admitted,
      refused: this.#refused,
      serviceMs: this.#service.meanMs,
    };
  }

  /** Resolves when nothing runs and nobody waits; rejects when `ctx` ends first. It goes on admitting meanwhile. */
  drain(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const { clock, name } = this.#options;
    const over = refusalAtEntry(ctx, clock, name);
    if (over !== undefined) return Promise.reject(over);
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const idle = (): void => {
        stop?.();
        resolve();
      };
      const stop = watchAdmission(ctx, clock, name, (refusal) => {
        this.#idle = this.#idle.filter((other) => other !== idle);
        reject(refusal);
      });
      this.#idle.push(idle);
    });
  }

  /**
   * Admits nobody any more and resolves when whoever waits or runs is done, or when `ctx` ends: then whoever still
   * waits is refused with `SHUTTING_DOWN`. What runs is never interrupted. Idempotent.
   */
  async close(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    this.#closing = true;
    this.#ready.close();
    const drained = this.drain(ctx);
    await Promise.allSettled([this.#queue?.close(ctx), drained]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #mostCost(): number {
    return this.#limit === 0 ? this.#options.limit : this.#limit;
  }

  #serviceMs(): number {
    return this.#service.meanMs ?? Math.max(0, this.#options.clock.now() - this.#fullSince);
  }

  #isIdle(): boolean {
    return this.#active === 0 && (this.#queue === undefined || this.#queue.size === 0);
  }

  #isOver(ctx: AdmissionOptions): boolean {
    if (ctx === NO_ADMISSION_OPTIONS) return false;
    return refusalAtEntry(ctx, this.#options.clock, this.#options.name) !== undefined;
  }

  /** Whether a newcomer of this weight may start now. */
  #canStart(cost: number): boolean {
    if (this.#closing || !(cost > 0) || this.#active + cost > this.#limit) return false;
    if (this.#queue === undefined) return true;
    if (this.#queue.size > 0) return false;
    return this.#options.loopYielding === 'queued' || this.#budget.allows(this.#options.clock.now());
  }

  #begin(cost: number): number {
    this.#active += cost;
    this.#admitted++;
    const full = this.#active >= this.#limit;
    const timed =
      full || this.#service.meanMs === undefined || this.#admitted % TIMED_ONE_IN === 0 || this.#timesAll;
    if (!timed) return Number.NaN;
    const now = this.#options.clock.now();
    if (full) this.#fullSince = now;
    return now;
  }

  #permit(cost: number, startedAt: number): Permit {
    return new OncePermit(this.#giveBack, cost, startedAt);
  }

  readonly #giveBack = (cost: number, startedAt: number): void => this.#end(cost, startedAt);

  #end(cost: number, startedAt: number): void {
    this.#active -= cost;
    if (!Number.isNaN(startedAt)) this.#service.record(this.#options.clock.now() - startedAt);
    if (this.#queue !== undefined && this.#queue.size > 0) this.#dispatch();
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    if (!this.#ready.isEmpty && this.check()) this.#ready.wakeFirst();
    if (this.#idle.length > 0 && this.#isIdle()) for (const idle of this.#idle.splice(0)) idle();
  }

  /** Hands permits to whoever waits, most important first, as far as permits and the loop's budget go. */
  #dispatch(): void {
    for (let next = this.#queue?.peek(); next !== undefined; next = this.#queue?.peek()) {
      if (this.#active > 0 ? this.#active + next.weight > this.#limit : this.#limit === 0) return;
      const now = this.#options.clock.now();
      if (!this.#budget.allows(now)) {
        this.#dispatchNextTurn();
        return;
      }
      this.#queue?.tryTake();
      this.#queuedWeight -= next.weight;
      this.#active += next.weight;
      this.#admitted++;
      next.start(now);
    }
    this.#queuedWeight = 0;
  }

  #dispatchNextTurn(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.#budget.whenNextTurn(() => {
      this.#resuming = false;
      this.#dispatch();
    });
  }

  /** Why a call is refused before it may start or wait, if it is. */
  #refusalAtDoor(cost: number, ctx: AdmissionOptions): RejectedError | RangeError | undefined {
    if (ctx !== NO_ADMISSION_OPTIONS) {
      if (!(cost > 0 && cost <= this.#mostCost)) {
        return new RangeError(`cost must be above 0 and at most limit = ${this.#mostCost}, got ${cost}`);
      }
      const over = refusalAtEntry(ctx, this.#options.clock, this.#options.name);
      if (over !== undefined) return this.#count(over);
    }
    return this.#closing ? this.#refuse('SHUTTING_DOWN', undefined) : undefined;
  }

  #turn(cost: number, ctx: AdmissionOptions): Promise<number> {
    return new Promise((start, reject) => this.#wait({ weight: cost, start, reject }, ctx));
  }

  /** Why a call that cannot start may not wait either, if so. */
  #refusalToWait(ctx: AdmissionOptions, waitMs: number): RejectionCode | undefined {
    if (this.#queue === undefined || waitMs > this.#options.maxWaitMs) return 'CONCURRENCY_LIMIT';
    const { deadline } = ctx;
    if (deadline !== undefined && this.#options.clock.now() + waitMs + this.#serviceMs() > deadline) {
      return 'DEADLINE_EXCEEDED';
    }
    return this.#queue.hasRoom(ctx) ? undefined : 'QUEUE_FULL';
  }

  #wait(waiter: Waiter, ctx: AdmissionOptions): void {
    const { clock, name, maxWaitMs } = this.#options;
    const waitMs = this.estimatedWaitMs(ctx);
    const code = this.#refusalToWait(ctx, waitMs);
    const bounded = maxWaitMs === Number.POSITIVE_INFINITY ? ctx : withMaxWait(ctx, clock, name, maxWaitMs);
    if (code !== undefined || !this.#queue?.tryPush(waiter, bounded)) {
      waiter.reject(this.#refuse(code ?? 'QUEUE_FULL', waitMs));
      return;
    }
    this.#queuedWeight += waiter.weight;
    // Held back by the loop's budget alone: nobody else's end will start it.
    if (this.#active + waiter.weight <= this.#limit) this.#dispatchNextTurn();
  }

  readonly #onDrop = (waiter: Waiter, refusal: RejectedError): void => {
    this.#queuedWeight -= waiter.weight;
    const { code } = refusal;
    waiter.reject(code === 'SHED' ? this.#refuse(code, this.retryAfterMs()) : this.#count(refusal));
    // A heavy one that leaves may have been all that kept lighter ones waiting.
    this.#dispatch();
    this.#tellWaiting();
  };

  #refuse(code: RejectionCode, retryAfterMs: number | undefined): RejectedError {
    return this.#count(new RejectedError(code, this.#options.name, { retryAfterMs }));
  }

  #count(refusal: RejectedError): RejectedError {
    this.#refused++;
    return refusal;
  }
}
