import { FairQueue, PriorityQueue } from '@bp/bounded-queue';
import type { CallContext, Clock, RejectedError } from '@bp/core';
import {
  deriveContext,
  EMPTY_CONTEXT,
  type LoopBudget,
  type Rejections,
  rejectionIfOver,
} from '@bp/core/kit';
import type { CallStarter } from './call-starter.ts';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Permits } from './permits.ts';
import { QueuedCall, type TurnOutcome } from './queued-call.ts';
import { WaitForecast } from './wait-forecast.ts';

/** Promise jobs, not `queueMicrotask`: fake timers may replace that, and queued calls would never start. */
const SOON = Promise.resolve();

/** One queued call in this many reads the clock when it begins to wait, for the mean wait. */
const WAITS_TIMED_ONE_IN = 16;

/** The calls that wait for permits: which may enter, which is next, and when it starts. */
export class CallQueue {
  /** Undefined if no call may wait. */
  readonly calls: PriorityQueue<QueuedCall> | FairQueue<QueuedCall> | undefined;
  readonly forecast: WaitForecast;
  /**
   * How many calls wait, including one that is entering or leaving: while the queue notifies a listener of that, no other call
   * may take the permits. Counted here because every call asks.
   */
  size = 0;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #maxWaitMs: number;
  readonly #loopBudget: LoopBudget;
  readonly #permits: Permits;
  readonly #starter: CallStarter;
  readonly #rejections: Rejections;
  readonly #onChange: () => void;
  #entered = 0;
  /** Whether a microtask will grant the next permits. */
  #grantsSoon = false;
  /** Whether the next turn of the event loop will grant permits: the loop budget may be all that holds the first call back. */
  #grantsNextTurn = false;
  /** Whether the loop budget was found to be spent: no permits are granted before the next turn. */
  #budgetSpent = false;
  /** Calls that have their permits and wait for the next turn of the event loop. */
  #waitingForTurn = 0;

  /** @param onChange - called whenever permits or places in the queue may have become free. */
  constructor(
    options: ResolvedConcurrencyLimiterOptions,
    permits: Permits,
    starter: CallStarter,
    rejections: Rejections,
    onChange: () => void,
  ) {
    const { maxQueue, maxWaitMs, fair, sojourn, name, clock, loopBudget } = options;
    this.#clock = clock;
    this.#name = name;
    this.#maxWaitMs = maxWaitMs;
    this.#loopBudget = loopBudget;
    this.#permits = permits;
    this.#starter = starter;
    this.#rejections = rejections;
    this.#onChange = onChange;
    if (maxQueue > 0) {
      const Kind = fair ? FairQueue : PriorityQueue;
      this.calls = new Kind<QueuedCall>({ capacity: maxQueue, sojourn, name, clock, onDrop: this.#onDrop });
    }
    this.forecast = new WaitForecast(options, permits, starter, this.calls);
  }

  /** Waits for the permits of a call that cannot start. */
  turn(cost: number, ctx: CallContext): Promise<TurnOutcome> {
    return ctx === EMPTY_CONTEXT
      ? new Promise(this.#enterPlain)
      : new Promise((settle) => this.#enter(cost, ctx, settle));
  }

  /**
   * Starts a call that has its permits, just before its work begins. Returns the time; the rejection if its context has ended
   * since; undefined if the loop budget is spent: then wait for {@link CallQueue.nextTurn}.
   * @param soon - whether the work begins in the next microtask.
   */
  start(call: QueuedCall, soon: boolean): number | RejectedError | undefined {
    const { ctx, cost } = call;
    const over = ctx === EMPTY_CONTEXT ? undefined : rejectionIfOver(ctx, this.#clock, this.#name);
    if (over !== undefined) {
      this.end(cost, Number.NaN);
      return this.#rejections.record(over);
    }
    const startedAt = this.#starter.startQueued(call, soon);
    if (startedAt !== undefined) this.#grantSoon();
    return startedAt;
  }

  /** Resolves when the loop budget may allow a start again. */
  nextTurn(): Promise<void> {
    this.#waitingForTurn++;
    return new Promise((resolve) => {
      this.#loopBudget.whenNextTurn(() => {
        this.#waitingForTurn--;
        resolve();
      });
    });
  }

  /** Takes back the permits of a call, for the next one. @param startedAt - when it started; `NaN` if that was not timed. */
  end(cost: number, startedAt: number): void {
    this.#starter.end(cost, startedAt);
    if (this.size > 0) this.#grantNext();
    this.#onChange();
  }

  setLimit(limit: number): void {
    this.#permits.setLimit(limit);
    this.#grantNext();
    this.#onChange();
  }

  /** Rejects all calls that wait with `SHUTTING_DOWN`. */
  rejectAll(): void {
    this.calls?.clear('SHUTTING_DOWN');
  }

  /** One for all calls without a context, where others need one each. */
  readonly #enterPlain = (settle: (outcome: TurnOutcome) => void): void =>
    this.#enter(1, EMPTY_CONTEXT, settle);

  /** Adds a call, or rejects it. */
  #enter(cost: number, ctx: CallContext, settle: (outcome: TurnOutcome) => void): void {
    const rejection = this.forecast.rejectionForTime(ctx, this.size) ?? this.#push(cost, ctx, settle);
    if (rejection !== undefined) settle(this.#rejections.record(rejection));
  }

  #push(cost: number, ctx: CallContext, settle: (outcome: TurnOutcome) => void): RejectedError | undefined {
    const { calls } = this;
    if (calls === undefined) return this.forecast.fullRejection(ctx);
    if (this.size === 0) this.#starter.estimator.queueBegins();
    this.size++;
    const call = this.#newCall(cost, ctx, settle);
    const waitingCtx = call.bounded ?? ctx;
    if (!this.#orLeave(() => calls.tryPush(call, waitingCtx))) {
      this.size--;
      // Before the context is ended, which leaves no reason behind.
      const over = rejectionIfOver(waitingCtx, this.#clock, this.#name);
      call.bounded?.end();
      // Expired calls that the queue dropped for it may have been the last ones.
      this.#onChange();
      return over ? this.forecast.rejectionOfDropped(call, over) : this.forecast.fullRejection(ctx);
    }
    // Only the loop budget holds it back: the end of another call would not start it.
    if (this.#permits.fitsInTurn(cost)) this.#grantInNextTurn();
    return undefined;
  }

  #newCall(cost: number, ctx: CallContext, settle: (outcome: TurnOutcome) => void): QueuedCall {
    const clock = this.#clock;
    if (this.#maxWaitMs === Number.POSITIVE_INFINITY) {
      const timed = this.#entered++ % WAITS_TIMED_ONE_IN === 0;
      return new QueuedCall(cost, ctx, settle, timed ? clock.now() : undefined);
    }
    const since = clock.now();
    const startBy = since + this.#maxWaitMs;
    const bounded = this.#orLeave(() => deriveContext(ctx, { deadline: startBy, clock, name: this.#name }));
    return new QueuedCall(cost, ctx, settle, since, startBy, bounded);
  }

  /** Does a part of entering. If code of the caller's context throws, the call does not enter. */
  #orLeave<T>(enter: () => T): T {
    try {
      return enter();
    } catch (error) {
      this.size--;
      this.#onChange();
      throw error;
    }
  }

  readonly #isNext = ({ cost }: QueuedCall): boolean => this.#permits.fitsInTurn(cost);

  /** Gives the first call its permits, if they are free and no granted call waits for the loop budget. */
  #grantNext(): void {
    if (this.#grantsSoon || this.#budgetSpent || this.#waitingForTurn > 0) return;
    if (this.size === 0 || this.#permits.isExhausted) return;
    const next = this.calls?.tryTakeIf(this.#isNext);
    if (next === undefined) return;
    this.size--;
    next.bounded?.end();
    const rejection = this.forecast.rejectionInTurn(next, this.size > 0);
    if (rejection === undefined) {
      this.#permits.take(next.cost);
      next.settle(next);
      return;
    }
    next.settle(this.#rejections.record(rejection));
    this.#grantSoon();
  }

  /** Grants more in a microtask, which runs after the work that was just started has begun. */
  #grantSoon(): void {
    if (this.#grantsSoon || this.size === 0 || this.#permits.isExhausted) return;
    this.#grantsSoon = true;
    void SOON.then(this.#onGrantSoon);
  }

  readonly #onGrantSoon = (): void => {
    this.#grantsSoon = false;
    this.#grantWithinBudget();
  };

  #grantInNextTurn(): void {
    if (this.#grantsNextTurn) return;
    this.#grantsNextTurn = true;
    this.#loopBudget.whenNextTurn(this.#onGrantInNextTurn);
  }

  readonly #onGrantInNextTurn = (): void => {
    this.#grantsNextTurn = false;
    this.#budgetSpent = false;
    this.#grantWithinBudget();
  };

  /** Leaves the first call in the queue, in its order and cancellable, if the loop budget would not let it start. */
  #grantWithinBudget(): void {
    if (this.size > 0 && !this.#permits.isExhausted) {
      this.#budgetSpent = !this.#loopBudget.allows(this.#clock.now());
      if (this.#budgetSpent) this.#grantInNextTurn();
      else this.#grantNext();
    }
    this.#onChange();
  }

  readonly #onDrop = (call: QueuedCall, rejection: RejectedError): void => {
    this.size--;
    call.bounded?.end();
    call.settle(this.#rejections.record(this.forecast.rejectionOfDropped(call, rejection)));
    // A call of high cost that leaves may have been all that kept others waiting.
    if (rejection.code !== 'SHUTTING_DOWN') this.#grantSoon();
    this.#onChange();
  };
}
