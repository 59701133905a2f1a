import {
  type AdmissionOptions,
  type Clock,
  NO_ADMISSION_OPTIONS,
  type Policy,
  RejectedError,
  refusalAtEntry,
} from '@bp/core';
import type { Budget } from './budget.ts';
import * as gcra from './gcra.ts';
import type { Limit } from './limit.ts';
import type { ResolvedBucketOptions } from './options.ts';
import { Waiters } from './waiters.ts';

/** What a bucket has done since it was made, and how it stands. */
export interface BucketStats {
  /** Tokens that can be taken now. */
  readonly remaining: number;
  /** Calls that wait in `acquire` or `execute`. */
  readonly waiting: number;
  /** Calls admitted so far, at once or after waiting. */
  readonly admitted: number;
  /** Calls refused so far, at once. */
  readonly refused: number;
  /** Calls that were cancelled or passed their deadline while they waited. */
  readonly left: number;
}

/** One allowance and those who wait for it: what token bucket and leaky bucket have in common. */
export abstract class Bucket implements Budget, Policy {
  readonly name: string;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #maxWaiters: number;
  readonly #waiters: Waiters;
  #limit: Limit;
  #tat = 0;
  #admitted = 0;
  #refused = 0;
  #closed = false;

  constructor({ limit, name, clock, maxWaiters }: ResolvedBucketOptions) {
    this.name = name;
    this.#limit = limit;
    this.#clock = clock;
    this.#start = clock.now();
    this.#maxWaiters = maxWaiters;
    const gate = {
      waitMs: (cost: number, ahead: number, now: number) => this.#waitMs(cost, ahead, now),
      take: (cost: number, now: number) => this.#take(cost, now),
    };
    this.#waiters = new Waiters(gate, clock, name);
  }

  /**
   * Takes `cost` tokens (>= 0, fractions too) if they are there and nobody waits for them. Never throws: a cost that is
   * no such number, or above the burst, is never admitted.
   * @param now - the clock's time, for callers that have read it already; time going backwards grants nothing.
   */
  tryAcquire(cost = 1, now = this.#clock.now()): boolean {
    if (this.#waiters.size === 0 && !this.#closed && this.#take(cost, now)) return true;
    this.#refused++;
    return false;
  }

  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(cost = 1, now = this.#clock.now()): boolean {
    if (this.#waiters.size > 0 || this.#closed) return false;
    return gcra.isPossible(this.#limit, cost) && gcra.admits(this.#limit, this.#tat, cost, this.#time(now));
  }

  /**
   * Milliseconds after `now` from which the same call is admitted, exactly: 0 if it is now, `Infinity` if it never will
   * be. Those who wait already, and `ahead` tokens more, are served first.
   */
  retryAfterMs(cost = 1, now = this.#clock.now(), ahead = 0): number {
    return this.#waitMs(cost, this.#waiters.cost + ahead, now);
  }

  /** Tokens that can be taken now, with fractions, from 0 to the burst. */
  remaining(now = this.#clock.now()): number {
    return gcra.remaining(this.#limit, this.#tat, this.#time(now));
  }

  /** Gives back `cost` tokens that were taken and not used; a full bucket stays full. */
  refund(cost = 1, now = this.#clock.now()): void {
    if (!(cost >= 0)) return;
    this.#tat = gcra.giveBack(this.#limit, this.#tat, cost, this.#time(now));
    if (this.#waiters.size > 0) this.#waiters.serve();
  }

  /**
   * Takes `ctx.cost` tokens, waiting in order of arrival while they are not there. Rejects with `RejectedError`: at once
   * with `DEADLINE_EXCEEDED` if the wait would not end before `ctx.deadline`, with `RATE_LIMITED` if `maxWaiters` wait
   * already, with `SHUTTING_DOWN` after `close`; later if `ctx` ends first.
   * @throws RangeError (as a rejection) if the cost is above the burst: it could never be admitted.
   */
  async acquire(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) await turn;
  }

  /** Calls `fn` once its tokens are there, as `acquire` would wait for them. Its result and errors pass untouched. */
  execute<T>(fn: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends AdmissionOptions>(fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  async execute<T>(
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) {
      await turn;
      const over = refusalAtEntry(ctx, this.#clock, this.name);
      if (over !== undefined) {
        this.refund(ctx.cost);
        throw over;
      }
    }
    return fn(ctx as never);
  }

  /** How the bucket stands and what it has done. */
  stats(): BucketStats {
    return {
      remaining: this.remaining(),
      waiting: this.#waiters.size,
      admitted: this.#admitted,
      refused: this.#refused,
      left: this.#waiters.left,
    };
  }

  /**
   * Admits nobody new from now on and resolves when nobody waits any more: those who wait are still served in time until
   * `ctx` ends, then refused with `SHUTTING_DOWN`.
   */
  close(ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    this.#closed = true;
    return this.#waiters.close(ctx);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #time(now: number): number {
    // A bucket that never refills is one whose time stands still.
    return now > this.#start && this.#limit.rate > 0 ? now - this.#start : 0;
  }

  #take(cost: number, now: number): boolean {
    const limit = this.#limit;
    const t = this.#time(now);
    if (!gcra.isPossible(limit, cost) || !gcra.admits(limit, this.#tat, cost, t)) return false;
    this.#tat = gcra.charge(limit, this.#tat, cost, t);
    this.#admitted++;
    return true;
  }

  #waitMs(cost: number, ahead: number, now: number): number {
    const limit = this.#limit;
    if (this.#closed || !gcra.isPossible(limit, cost)) return Number.POSITIVE_INFINITY;
    const t = this.#time(now);
    const tat = ahead > 0 ? gcra.charge(limit, this.#tat, ahead, t) : this.#tat;
    if (gcra.admits(limit, tat, cost, t)) return 0;
    if (limit.rate === 0) return Number.POSITIVE_INFINITY;
    return gcra.untilTime(gcra.admissionTime(limit, tat, cost), this.#start, now);
  }

  /** Undefined if admitted at once, else the wait. @throws the refusal. */
  #enter(ctx: AdmissionOptions): Promise<void> | undefined {
    const { cost = 1, deadline } = ctx;
    const over = this.#closed
      ? new RejectedError('SHUTTING_DOWN', this.name)
      : refusalAtEntry(ctx, this.#clock, this.name);
    if (over !== undefined) return this.#refuse(over);
    const now = this.#clock.now();
    if (this.#waiters.size === 0 && this.#take(cost, now)) return undefined;
    if (!gcra.isPossible(this.#limit, cost)) {
      throw new RangeError(`cost must be a number from 0 to the burst of ${this.#limit.burst}, got ${cost}`);
    }
    const retryAfterMs = this.#waitMs(cost, this.#waiters.cost, now);
    if (this.#waiters.size >= this.#maxWaiters) {
      return this.#refuse(new RejectedError('RATE_LIMITED', this.name, { retryAfterMs }));
    }
    if (deadline !== undefined && !(now + retryAfterMs < deadline)) {
      return this.#refuse(new RejectedError('DEADLINE_EXCEEDED', this.name, { retryAfterMs }));
    }
    return this.#waiters.join(cost, ctx);
  }

  #refuse(refusal: RejectedError): never {
    this.#refused++;
    throw refusal;
  }
}
