import {
  type CallContext,
  type Clock,
  type DrainOptions,
  type Policy,
  RejectedError,
  type RejectionCode,
  type Unsubscribe,
} from '@bp/core';
import {
  checkNonNegative,
  EMPTY_CONTEXT,
  isOver,
  Rejections,
  rejectionAtEntry,
  rejectionIfOver,
} from '@bp/core/kit';
import type { Budget, BudgetChange } from '../budget.ts';
import { Changes } from '../changes.ts';
import { checkCost, costOf, neverAdmitted, shuttingDown } from '../rejection.ts';
import type { ResolvedWaitingOptions } from './options.ts';
import type { LimiterStats } from './stats.ts';
import { TokenQueue } from './token-queue.ts';

/** Admits calls at once or after waiting. A subclass decides whether the tokens of a call are available. */
export abstract class Limiter implements Budget, Policy {
  readonly name: string;
  protected readonly clock: Clock;
  protected readonly queue: TokenQueue;
  protected readonly changes: Changes;
  readonly #rejections: Rejections;
  readonly #maxQueue: number;
  readonly #shadow: boolean;
  /** The highest cost that was ever possible. */
  #highestCost = 0;
  #admitted = 0;
  #shadowed = 0;

  /** @param sources - the budgets that this limiter is made of. */
  constructor({ name, clock, maxQueue, shadow }: ResolvedWaitingOptions, sources: readonly Budget[] = []) {
    this.name = name;
    this.clock = clock;
    this.changes = new Changes(sources);
    this.#maxQueue = maxQueue;
    this.#shadow = shadow;
    this.#rejections = new Rejections(name);
    this.queue = new TokenQueue({
      clock,
      name,
      take: (ctx, now) => this.take(ctx, now) && this.#count(),
      waitMs: (ctx, now) => this.waitMs(ctx, 0, now),
      onRejected: (rejection) => {
        this.#rejections.record(rejection);
        // The calls behind it wait less, here and in every limiter that includes this one.
        this.changes.emit('tokens');
      },
      impossible: (ctx) => this.impossible(ctx),
      onIdle: () => this.stoppedWaiting(),
    });
  }

  abstract maxCost(ctx?: CallContext): number;

  /** Takes the tokens of a call if they are available at `now`; returns false for an invalid cost. */
  protected abstract take(ctx: CallContext, now: number): boolean;

  /** Returns the milliseconds after `now` at which the call is admitted once `ahead` tokens have been taken. */
  protected abstract waitMs(ctx: CallContext, ahead: number, now: number): number;

  /** Gives back the tokens of a call. */
  protected abstract giveBack(ctx: CallContext, now: number): void;

  /** Undoes `take`. */
  protected takeBack(ctx: CallContext, now: number): void {
    this.giveBack(ctx, now);
  }

  /**
   * Takes `ctx.cost` tokens (>= 0, fractions too) if they are available and no call waits. Never throws; a rejection
   * allocates nothing unless there is an `onRejected` listener.
   * @param now - the clock's time, for callers that have read it already; time that goes backwards grants nothing.
   */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): boolean {
    if (!isOver(ctx, this.clock) && (this.#takeInTurn(ctx, now) || this.#letPass())) return true;
    if (this.#rejections.isObserved) this.#rejections.record(this.#rejectionNow(ctx, now));
    else this.#rejections.count++;
    return false;
  }

  /**
   * Returns the rejection with which `acquire` would reject the call now, or undefined if it would be admitted or wait. Takes
   * and counts nothing.
   */
  check(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): RejectedError | undefined {
    const over = rejectionIfOver(ctx, this.clock, this.name);
    if (over !== undefined) return over;
    if (this.queue.isClosed) return this.#closed();
    const waitMs = this.retryAfterMs(ctx, now);
    return waitMs === 0 ? undefined : this.#rejectionOfWait(ctx, now, waitMs);
  }

  /**
   * Returns the milliseconds after `now` from which the call is admitted, exactly: 0 if it is now, `Infinity` if it never is.
   * The calls that wait, and `ahead` more tokens, are served first.
   */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now(), ahead = 0): number {
    if (this.queue.isClosed) return Number.POSITIVE_INFINITY;
    if (this.#shadow) return 0;
    return this.waitMs(ctx, this.queue.cost + ahead, now);
  }

  /**
   * Takes `ctx.cost` tokens, waiting in order of arrival while they are not available; `ctx.priority` is ignored. The timer of
   * the wait keeps the process alive.
   *
   * Rejects with a `RejectedError`: `RATE_LIMITED` if `maxQueue` calls wait or the call can never be admitted
   * (`QUEUE_FULL` if a shaper has no room); `DEADLINE_EXCEEDED` at once if the wait would not end before `ctx.deadline`; `CANCELLED` when `ctx` is; `SHUTTING_DOWN`
   * after `close`. Rejects with a RangeError if the cost is invalid or above the configured maximum.
   */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) await turn;
  }

  /** Calls `fn` once `acquire` has admitted the call. The result and the errors of `fn` pass through untouched. */
  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const turn = this.#enter(ctx);
    if (turn !== undefined) {
      await turn;
      // The call may have ended between its admission and this microtask.
      const over = rejectionIfOver(ctx, this.clock, this.name);
      if (over !== undefined) {
        this.#admitted--;
        this.refund(ctx);
        throw this.#rejections.record(over);
      }
    }
    return fn(ctx);
  }

  /** Gives back `ctx.cost` tokens that were taken and not used; a full bucket stays full. @throws RangeError for an invalid cost. */
  refund(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): void {
    checkNonNegative('cost', costOf(ctx));
    this.giveBack(ctx, now);
    this.changed('tokens');
  }

  undo(ctx: CallContext = EMPTY_CONTEXT, now = this.clock.now()): void {
    // In shadow mode it is unknown whether the call took its tokens.
    if (this.#shadow) return;
    this.takeBack(ctx, now);
    this.#admitted--;
  }

  onChange(listener: (change: BudgetChange) => void): Unsubscribe {
    return this.changes.onChange(listener);
  }

  /** Calls `listener` with every rejection, at once or while waiting. Without listeners it costs nothing. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  /**
   * Admits no new call from now on. Waiting calls are still served until `withinMs` has passed or `signal` aborts, then
   * rejected with `SHUTTING_DOWN`; at once if they can never be served. Resolves when no call waits; keeps the process alive
   * until then.
   */
  close(options?: DrainOptions): Promise<void> {
    const wasOpen = !this.queue.isClosed;
    const closed = this.queue.close(options);
    if (wasOpen && this.queue.isClosed) this.changed('limit');
    return closed;
  }

  /** Does the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected counts(): LimiterStats {
    return {
      queued: this.queue.size,
      admitted: this.#admitted,
      rejected: this.#rejections.count,
      shadowed: this.#shadowed,
    };
  }

  /** Remembers the highest cost that is possible now. A subclass calls it when it is constructed. */
  protected noteMaxCost(ctx?: CallContext): void {
    this.#highestCost = Math.max(this.#highestCost, this.maxCost(ctx));
  }

  /** Call it after every change of the limit or of the tokens: serves waiting calls, notifies listeners. */
  protected changed(change: BudgetChange): void {
    this.reconsider(change);
    this.changes.emit(change);
  }

  /** Serves waiting calls after a change; rejects the ones that have become impossible. */
  protected reconsider(change: BudgetChange): void {
    if (change === 'limit') this.noteMaxCost();
    this.queue.reconsider(change);
  }

  /** Called when a call begins to wait. */
  protected startedWaiting(): void {}

  /** Called when no call waits any more. */
  protected stoppedWaiting(): void {}

  /** Returns the rejection of a waiting call that a change has made impossible, else undefined. */
  protected impossible(ctx: CallContext): RejectedError | undefined {
    return costOf(ctx) > this.maxCost(ctx) ? neverAdmitted(this.name) : undefined;
  }

  /** Returns the rejection of a call that would have to wait `waitMs` but finds the queue full, else undefined. */
  protected noRoom(ctx: CallContext, now: number, waitMs: number): RejectedError | undefined {
    if (this.queue.size < this.#maxQueue) return undefined;
    return this.rejection('RATE_LIMITED', ctx, now, waitMs);
  }

  protected rejection(
    code: RejectionCode,
    _ctx: CallContext,
    _now: number,
    retryAfterMs: number,
  ): RejectedError {
    return new RejectedError(code, this.name, { retryAfterMs });
  }

  /** Returns undefined if the call is admitted at once, else its wait. @throws the rejection. */
  #enter(ctx: CallContext): Promise<void> | undefined {
    const over = rejectionAtEntry(ctx, this.clock, this.name);
    if (over !== undefined) throw this.#rejections.record(over);
    const now = this.clock.now();
    if (this.#takeInTurn(ctx, now) || this.#letPass()) return undefined;
    if (this.queue.isClosed) throw this.#rejections.record(this.#closed());
    this.noteMaxCost(ctx);
    const cost = costOf(ctx);
    checkCost(cost, this.#highestCost);
    const rejection = this.#rejectionOfWait(ctx, now, this.retryAfterMs(ctx, now));
    if (rejection !== undefined) throw this.#rejections.record(rejection);
    const turn = this.queue.wait(cost, ctx);
    if (this.queue.size > 0) this.startedWaiting();
    return turn;
  }

  #takeInTurn(ctx: CallContext, now: number): boolean {
    if (this.queue.isClosed) return false;
    const { first } = this.queue;
    if (first !== undefined) {
      // A waiting call whose timer is late goes first.
      if (this.waitMs(first, 0, now) > 0) return false;
      this.queue.serve();
      if (this.queue.size > 0) return false;
    }
    return this.take(ctx, now) && this.#count();
  }

  #letPass(): boolean {
    if (!this.#shadow || this.queue.isClosed) return false;
    this.#shadowed++;
    return true;
  }

  #count(): true {
    this.#admitted++;
    return true;
  }

  /** Returns the rejection of a call that `tryAcquire` has just rejected. */
  #rejectionNow(ctx: CallContext, now: number): RejectedError {
    const over = rejectionIfOver(ctx, this.clock, this.name);
    if (over !== undefined) return over;
    if (this.queue.isClosed) return this.#closed();
    return this.rejection('RATE_LIMITED', ctx, now, this.retryAfterMs(ctx, now));
  }

  /** Returns the rejection of a call that would have to wait `waitMs`, or undefined if it may. */
  #rejectionOfWait(ctx: CallContext, now: number, waitMs: number): RejectedError | undefined {
    if (waitMs === Number.POSITIVE_INFINITY) return this.rejection('RATE_LIMITED', ctx, now, waitMs);
    const full = this.noRoom(ctx, now, waitMs);
    if (full !== undefined) return full;
    const { deadline = Number.POSITIVE_INFINITY } = ctx;
    return now + waitMs < deadline ? undefined : this.rejection('DEADLINE_EXCEEDED', ctx, now, waitMs);
  }

  #closed(): RejectedError {
    return shuttingDown(this.name);
  }
}
