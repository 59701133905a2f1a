import { type CallContext, type Clock, type Policy, RejectedError, type RejectionCode } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry } from '@bp/core/kit';
import type { Budget } from './budget.ts';
import type { ResolvedWaitingOptions } from './options.ts';
import { Waiters } from './waiters.ts';

/** What a limiter has done since it was made, and how many wait for it. */
export interface LimiterStats {
  /** Calls that wait in `acquire` or `execute`. */
  readonly waiting: number;
  /** Calls admitted so far, at once or after waiting. */
  readonly admitted: number;
  /** Calls rejected so far, at once. */
  readonly rejected: number;
  /** Calls that were cancelled, or passed their deadline, or met a `close`, while they waited. */
  readonly left: number;
  /** Calls admitted only because of `shadow`; they are not among `admitted`, and took nothing. */
  readonly shadowed: number;
}

/** The doors that all limiters share, over what each of them decides in its own way. */
export abstract class Limiter implements Budget, Policy {
  readonly name: string;
  protected readonly clock: Clock;
  protected readonly waiters: Waiters;
  readonly #maxQueue: number;
  readonly #shadow: boolean;
  #admitted = 0;
  #rejected = 0;
  #shadowed = 0;
  #closed = false;

  constructor({ name, clock, maxQueue, shadow }: ResolvedWaitingOptions) {
    this.name = name;
    this.clock = clock;
    this.#maxQueue = maxQueue;
    this.#shadow = shadow;
    const gate = {
      waitMs: (cost: number, now: number) => this.waitMs(cost, 0, now),
      take: (cost: number, now: number) => this.take(cost, now) && this.#count(),
    };
    this.waiters = new Waiters(gate, clock, name);
  }

  /** The highest cost that can ever be admitted. */
  abstract get maxCost(): number;

  /** Takes `cost` if it is admitted at `now`; rejects what is no cost. */
  protected abstract take(cost: number, now: number): boolean;

  /** Milliseconds after `now` at which `cost` is admitted once `ahead` has been taken; `Infinity` if never. */
  protected abstract waitMs(cost: number, ahead: number, now: number): number;

  /** Gives back what was taken and not used. */
  abstract refund(cost?: number, now?: number): void;

  /**
   * Takes `cost` (>= 0, fractions too) if it is there and nobody waits. Never throws: a cost that is no such number, or
   * above `maxCost`, is never admitted.
   * @param now - the clock's time, for callers that have read it already; time going backwards grants nothing.
   */
  tryAcquire(cost = 1, now = this.clock.now()): boolean {
    if (this.#takeInTurn(cost, now)) return true;
    if (this.#letsPass()) return true;
    this.#rejected++;
    return false;
  }

  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(cost = 1, now = this.clock.now()): boolean {
    return this.retryAfterMs(cost, now) === 0;
  }

  /**
   * Milliseconds after `now` from which the same call is admitted, exactly: 0 if it is now, `Infinity` if it never will
   * be. Those who wait already, and `ahead` more, are served first.
   */
  retryAfterMs(cost = 1, now = this.clock.now(), ahead = 0): number {
    if (this.#closed) return Number.POSITIVE_INFINITY;
    if (this.#shadow) return 0;
    return this.waitMs(cost, this.waiters.cost + ahead, now);
  }

  /**
   * Takes `ctx.cost`, waiting in order of arrival while it is not there. Rejects with `RejectedError`: at once
   * if `ctx` is over, with `DEADLINE_EXCEEDED` if the wait would not end before `ctx.deadline`, with `SHUTTING_DOWN`
   * after `close`, and if there is no room to wait; later if `ctx` ends first. `ctx.priority` changes nothing here.
   * @throws RangeError (as a rejection) for what is no cost, or above `maxCost`: it could never be admitted.
   */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) await turn;
  }

  /** Calls `fn` once it is admitted, as `acquire` would be. Its result and its errors pass untouched. */
  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) {
      await turn;
      const over = rejectionAtEntry(ctx, this.clock, this.name);
      if (over !== undefined) {
        this.refund(ctx.cost);
        throw over;
      }
    }
    return fn(ctx);
  }

  /**
   * Admits nobody new from now on and resolves when nobody waits any more: those who wait are still served in time until
   * `ctx` ends, then rejected with `SHUTTING_DOWN`.
   */
  close(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    this.#closed = true;
    return this.waiters.close(ctx);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected counts(): LimiterStats {
    return {
      waiting: this.waiters.size,
      admitted: this.#admitted,
      rejected: this.#rejected,
      left: this.waiters.left,
      shadowed: this.#shadowed,
    };
  }

  /** The rejection of who finds no room to wait, else undefined. */
  protected noRoom(
    cost: number,
    now: number,
    code: RejectionCode = 'RATE_LIMITED',
  ): RejectedError | undefined {
    return this.waiters.size < this.#maxQueue ? undefined : this.rejection(code, cost, now);
  }

  /** A rejection that says when to come back, where that can be known. */
  protected rejection(code: RejectionCode, cost: number, now: number, limiter = this.name): RejectedError {
    const retryAfterMs = this.retryAfterMs(cost, now);
    return new RejectedError(code, limiter, Number.isFinite(retryAfterMs) ? { retryAfterMs } : undefined);
  }

  /** Undefined if admitted at once, else the wait. @throws the rejection. */
  #enter(ctx: CallContext): Promise<void> | undefined {
    const over = rejectionAtEntry(ctx, this.clock, this.name);
    if (over !== undefined) return this.#reject(over);
    const { cost = 1, deadline = Number.POSITIVE_INFINITY } = ctx;
    const now = this.clock.now();
    if (this.#takeInTurn(cost, now)) return undefined;
    if (this.#letsPass()) return undefined;
    if (this.#closed) return this.#reject(new RejectedError('SHUTTING_DOWN', this.name));
    const { maxCost } = this;
    if (!(cost >= 0 && cost <= maxCost)) {
      this.#rejected++;
      throw new RangeError(`cost must be a number from 0 to ${maxCost}, got ${cost}`);
    }
    const full = this.noRoom(cost, now);
    if (full !== undefined) return this.#reject(full);
    const waitMs = this.retryAfterMs(cost, now);
    if (waitMs === Number.POSITIVE_INFINITY) return this.#reject(this.rejection('RATE_LIMITED', cost, now));
    if (!(now + waitMs < deadline)) return this.#reject(this.rejection('DEADLINE_EXCEEDED', cost, now));
    return this.waiters.join(cost, ctx);
  }

  #takeInTurn(cost: number, now: number): boolean {
    if (this.#closed) return false;
    if (this.waiters.size > 0) {
      // Whose time has come while its timer is late goes first.
      this.waiters.serveDue(now);
      if (this.waiters.size > 0) return false;
    }
    return this.take(cost, now) && this.#count();
  }

  /** In shadow mode nobody is rejected, only counted. */
  #letsPass(): boolean {
    if (!this.#shadow || this.#closed) return false;
    this.#shadowed++;
    return true;
  }

  #count(): true {
    this.#admitted++;
    return true;
  }

  #reject(rejection: RejectedError): never {
    this.#rejected++;
    throw rejection;
  }
}
