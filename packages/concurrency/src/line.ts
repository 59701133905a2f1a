import { FairQueue, PriorityQueue } from '@bp/bounded-queue';
import type { CallContext, RejectedError, RejectionCode } from '@bp/core';
import { EMPTY_CONTEXT, type LoopBudget } from '@bp/core/kit';
import type { Onlookers } from './onlookers.ts';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Permits } from './permits.ts';
import type { Rejections } from './rejections.ts';
import { Waiter, withStartBy } from './waiter.ts';

/** Of those who wait, so many share one look at the clock for how long they did. */
const WAITS_TIMED_ONE_IN = 16;

/** Who waits for a permit, for how long, and who is next. */
export class Line {
  /** Undefined if nobody may wait. */
  readonly waiters: PriorityQueue<Waiter> | FairQueue<Waiter> | undefined;
  /**
   * How many wait, and who is on the way in or out: while a listener of the queue is told of one of those, nobody else is to
   * slip in. Counted here, for every call asks.
   */
  size = 0;
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #permits: Permits;
  readonly #rejections: Rejections;
  readonly #loopBudget: LoopBudget;
  readonly #onlookers: Onlookers;
  #waited = 0;
  #handingOn = false;
  #resuming = false;

  /** @param onlookers - look whenever there may be more room than before. */
  constructor(
    options: ResolvedConcurrencyLimiterOptions,
    permits: Permits,
    rejections: Rejections,
    onlookers: Onlookers,
  ) {
    this.#options = options;
    this.#permits = permits;
    this.#rejections = rejections;
    this.#loopBudget = options.loopBudget;
    this.#onlookers = onlookers;
    const { maxQueue: capacity, fair, sojourn, name, clock } = options;
    if (capacity === 0) return;
    const Kind = fair ? FairQueue : PriorityQueue;
    this.waiters = new Kind<Waiter>({ capacity, sojourn, name, clock, onDrop: this.#onDrop });
  }

  /** The turn of a call that cannot start: when it starts, or why it is rejected. */
  turn(cost: number, ctx: CallContext): Promise<number | RejectedError> {
    return ctx === EMPTY_CONTEXT
      ? new Promise(this.#waitPlain)
      : new Promise((settle) => this.wait(cost, ctx, settle));
  }

  /** One for all calls that say nothing of themselves, where others need one each. */
  readonly #waitPlain = (settle: (outcome: number | RejectedError) => void): void =>
    this.wait(1, EMPTY_CONTEXT, settle);

  /** Has a call wait that cannot start: `settle` is told when it starts, or why it is rejected. */
  wait(cost: number, ctx: CallContext, settle: (outcome: number | RejectedError) => void): void {
    const code = this.#rejectionForTime(ctx);
    if (code === undefined && this.#enter(cost, ctx, settle)) return;
    const rejection = this.#rejections.ifOver(ctx);
    settle(rejection ?? this.#rejections.reject(code ?? this.#fullCode, this.#retryAfterMs(ctx)));
  }

  /** Why a call that cannot start may not wait either, if so. */
  rejectionToWait(ctx: CallContext): RejectionCode | undefined {
    return this.#rejectionForTime(ctx) ?? (this.waiters?.hasRoom(ctx) ? undefined : this.#fullCode);
  }

  /** Milliseconds that such a call would wait; undefined if nothing is known, such as while the limit is 0. */
  waitMs(ctx: CallContext): number | undefined {
    const { cost = 1 } = ctx;
    const { pace, active, limit } = this.#permits;
    const ahead = this.waiters?.weightAhead(ctx) ?? 0;
    const permits = ahead > 0 ? ahead + cost : active + cost - limit;
    if (permits <= 0) return 0;
    const perPermit = pace.msPerPermit(this.#options.clock.now(), limit, active >= limit);
    return perPermit === undefined ? undefined : permits * perPermit;
  }

  /** The same, but where the newest come first and there is no room even so, the time in which one is started. */
  #retryAfterMs(ctx: CallContext): number | undefined {
    const waitMs = this.waitMs(ctx);
    const { pace, limit } = this.#permits;
    return waitMs === 0 ? pace.msPerPermit(this.#options.clock.now(), limit, true) : waitMs;
  }

  /** Takes back a permit, for whoever is next. @param startedAt - when it was given out, `NaN` if that was not timed. */
  end(cost: number, startedAt: number): void {
    this.#permits.end(cost);
    if (this.size > 0 || !Number.isNaN(startedAt)) this.#handOver(startedAt);
    this.#onlookers.look();
  }

  /** Apart from {@link Line.end}, which stays small for all the calls that nobody waits behind. */
  #handOver(startedAt: number): void {
    const now = this.#loopBudget.look();
    if (!Number.isNaN(startedAt)) this.#permits.pace.ended(now - startedAt);
    this.#startNext(now);
  }

  setLimit(limit: number): void {
    const now = this.#options.clock.now();
    this.#permits.limit = limit;
    this.#permits.pace.limitChanged(now);
    this.#startNext(now);
    this.#onlookers.look();
  }

  get #fullCode(): RejectionCode {
    return this.#options.maxQueue === 0 ? 'CONCURRENCY_LIMIT' : 'QUEUE_FULL';
  }

  /** Whether such a call would have to wait longer than it may. */
  #rejectionForTime(ctx: CallContext): RejectionCode | undefined {
    const { deadline } = ctx;
    const { maxQueue, maxWaitMs, clock } = this.#options;
    if (maxQueue === 0 || (deadline === undefined && maxWaitMs === Number.POSITIVE_INFINITY)) {
      return undefined;
    }
    const waitMs = this.waitMs(ctx) ?? 0;
    if (waitMs > maxWaitMs) return 'CONCURRENCY_LIMIT';
    // Held back by the loop's budget alone it will not wait for anybody.
    if (deadline === undefined || (waitMs === 0 && this.size === 0)) return undefined;
    const now = clock.now();
    const { pace, active, limit } = this.#permits;
    const full = active >= limit;
    // While permits are free, to reject one that could do saves nobody's time: calls that took long because the loop was late would
    // keep it idle.
    const callMs = waitMs > 0 ? pace.longestMs(now, full) : pace.expectedMs(now, full);
    return now + waitMs + (callMs ?? 0) > deadline ? 'DEADLINE_EXCEEDED' : undefined;
  }

  #enter(cost: number, ctx: CallContext, settle: (outcome: number | RejectedError) => void): boolean {
    const { waiters } = this;
    if (waiters === undefined) return false;
    if (this.size === 0) this.#permits.pace.lineBegins();
    this.size++;
    const { clock, name, maxWaitMs } = this.#options;
    let entered: boolean;
    if (maxWaitMs === Number.POSITIVE_INFINITY) {
      const since = this.#waited++ % WAITS_TIMED_ONE_IN === 0 ? clock.now() : undefined;
      entered = waiters.tryPush(new Waiter(cost, ctx, settle, since, undefined), ctx);
    } else {
      const since = clock.now();
      const startBy = since + maxWaitMs;
      const waiter = new Waiter(cost, ctx, settle, since, startBy);
      entered = waiters.tryPush(waiter, withStartBy(ctx, clock, name, startBy));
    }
    if (!entered) {
      this.size--;
      // Whoever left for it in vain was the last one to wait, perhaps.
      this.#onlookers.look();
      return false;
    }
    // Held back by the loop's budget alone: nobody else's end will start it.
    if (this.#permits.hasFreeInTurn(cost)) this.#resumeNextTurn();
    return true;
  }

  readonly #isNext = ({ weight }: Waiter): boolean => this.#permits.hasFreeInTurn(weight);

  /** Hands a permit to whoever is first in line, if there is one for it and the turn of the loop has time left. */
  #startNext(now: number): void {
    if (this.#permits.allOut || this.#handingOn || this.size === 0) return;
    if (!this.#loopBudget.allows(now)) {
      this.#resumeNextTurn();
      return;
    }
    const next = this.waiters?.tryTakeIf(this.#isNext);
    if (next === undefined) return;
    this.size--;
    const code = this.#rejectionInTurn(next, now);
    next.settle(
      code === undefined
        ? this.#permits.beginInTurn(next.weight, now, next.since)
        : this.#rejections.reject(code, this.waitMs(next.ctx)),
    );
    this.#handOnSoon();
  }

  /**
   * Whether one whose turn it is has waited too long, or too long to be done in time: whoever comes next has more of it
   * left. If nobody does, it may still try.
   */
  #rejectionInTurn({ startBy, ctx }: Waiter, now: number): RejectionCode | undefined {
    if (startBy !== undefined && startBy <= now) return 'SHED';
    if (ctx.deadline === undefined || this.size === 0) return undefined;
    const longestMs = this.#permits.pace.longestMs(now, false) ?? 0;
    return now + longestMs > ctx.deadline ? 'DEADLINE_EXCEEDED' : undefined;
  }

  /**
   * Starts more in a microtask, which comes after the one in which the call that was just started begins to work: what
   * that costs is part of what the loop's budget is asked for.
   */
  #handOnSoon(): void {
    if (this.#permits.allOut || this.#handingOn || this.size === 0) return;
    this.#handingOn = true;
    queueMicrotask(this.#handOn);
  }

  readonly #handOn = (): void => {
    this.#handingOn = false;
    this.#startNext(this.#loopBudget.look());
    this.#onlookers.look();
  };

  #resumeNextTurn(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.#loopBudget.whenNextTurn(this.#resume);
  }

  readonly #resume = (): void => {
    this.#resuming = false;
    this.#startNext(this.#loopBudget.look());
    this.#onlookers.look();
  };

  readonly #onDrop = (waiter: Waiter, rejection: RejectedError): void => {
    this.size--;
    const { code } = rejection;
    const told =
      code === 'SHED'
        ? this.#rejections.reject(code, this.waitMs(waiter.ctx))
        : this.#rejections.counted(rejection);
    waiter.settle(told);
    // A heavy one that leaves may have been all that kept lighter ones waiting.
    if (code !== 'SHUTTING_DOWN') this.#handOnSoon();
    this.#onlookers.look();
  };
}
