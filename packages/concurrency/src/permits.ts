import { PriorityQueue } from '@bp/bounded-queue';
import {
  type AdmissionOptions,
  NO_ADMISSION_OPTIONS,
  RejectedError,
  type RejectionCode,
  refusalAtEntry,
} from '@bp/core';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import { Pace } from './pace.ts';
import { Waiter, withStartBy } from './waiter.ts';

/** While nobody waits, only one call in so many is timed: the clock costs more than the rest of the decision. */
const TIMED_ONE_IN = 64;

/** Where the clock is read anyway, one call in so many milliseconds is timed: remembering when it began costs too. */
const TIMED_EVERY_MS = 10;

/** Of those who wait, so many share one look at the clock for how long they did. */
const WAITS_TIMED_ONE_IN = 16;

/** Who may run, who waits in line, and for how long. */
export class Permits {
  readonly pace = new Pace();
  /** Those who wait; undefined if nobody may. */
  readonly queue: PriorityQueue<Waiter> | undefined;
  readonly #options: ResolvedConcurrencyLimiterOptions;
  /** Whether newcomers too are started on the loop's budget. The clock is read for each of them, so each is timed. */
  readonly #pacesAll: boolean;
  readonly #onMoved: () => void;
  limit: number;
  /** The weight of the permits out. */
  active = 0;
  admitted = 0;
  refused = 0;
  closing = false;
  /** Whether somebody wants to hear of more room, or of the end. */
  watched = false;
  #running = 0;
  #measured = false;
  #untilTimed = 0;
  #lastTimed = 0;
  #waited = 0;
  /** What the clock said last, for who asks next. */
  #now = 0;
  #handingOn = false;
  #resuming = false;

  /** @param onMoved - called whenever there may be more room than before. */
  constructor(options: ResolvedConcurrencyLimiterOptions, onMoved: () => void) {
    const { limit, maxQueue: capacity, name, clock, loopYielding } = options;
    this.#options = options;
    this.#onMoved = onMoved;
    this.limit = limit;
    this.#pacesAll = loopYielding === 'always' && capacity > 0;
    if (capacity > 0) this.queue = new PriorityQueue<Waiter>({ capacity, name, clock, onDrop: this.#onDrop });
  }

  /** Calls that wait. */
  get queued(): number {
    return this.queue === undefined ? 0 : this.queue.size;
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.queued === 0;
  }

  /** Whether a newcomer of this weight may start now. */
  canStart(cost: number): boolean {
    if (!(cost > 0 && this.active + cost <= this.limit) || this.closing) return false;
    if (this.queue !== undefined && this.queue.size > 0) return false;
    if (!this.#pacesAll) return true;
    this.#now = this.#options.loopBudget.look();
    return this.#options.loopBudget.allows(this.#now);
  }

  /** Starts a newcomer that {@link Permits.canStart}. Returns the time, `NaN` if this one is not timed. */
  begin(cost: number): number {
    this.#running++;
    this.active += cost;
    this.admitted++;
    if (this.active < this.limit && this.#goesUntimed()) return Number.NaN;
    if (!this.#pacesAll) this.#now = this.#options.loopBudget.look();
    this.#lastTimed = this.#now;
    this.#untilTimed = TIMED_ONE_IN;
    this.pace.started(this.#now);
    return this.#now;
  }

  /** Until one has ended, all are timed; then the clock is looked at now and then, or where it was read anyway. */
  #goesUntimed(): boolean {
    if (!this.#measured) {
      this.#measured = this.pace.serviceMs !== undefined;
      return false;
    }
    return this.#pacesAll ? this.#now - this.#lastTimed < TIMED_EVERY_MS : --this.#untilTimed > 0;
  }

  /** Takes back what {@link Permits.begin} or the end of a wait gave. */
  end(cost: number, startedAt: number): void {
    this.#running--;
    // Sums of fractions drift; where nothing runs nothing weighs.
    this.active = this.#running === 0 ? 0 : this.active - cost;
    const waiting = this.queue !== undefined && this.queue.size > 0;
    if (waiting || !Number.isNaN(startedAt)) {
      const now = this.#options.loopBudget.look();
      if (!Number.isNaN(startedAt)) this.pace.ended(now - startedAt);
      if (waiting) this.#startNext(now);
    }
    if (this.watched) this.#onMoved();
  }

  setLimit(limit: number): void {
    const now = this.#options.clock.now();
    this.limit = limit;
    this.pace.limitChanged(now);
    this.#startNext(now);
    if (this.watched) this.#onMoved();
  }

  /** Has a call wait that cannot start: `settle` is told when it starts, or why it is refused. */
  wait(cost: number, ctx: AdmissionOptions, settle: (outcome: number | RejectedError) => void): void {
    const code = this.#refusalForTime(ctx);
    if (code === undefined && this.#enter(cost, ctx, settle)) return;
    const refusal = this.refusalIfOver(ctx);
    settle(refusal ?? this.refuse(code ?? this.#fullCode, this.waitMs(ctx)));
  }

  /** Why a call that cannot start may not wait either, if so. */
  refusalToWait(ctx: AdmissionOptions): RejectionCode | undefined {
    return this.#refusalForTime(ctx) ?? (this.queue?.hasRoom(ctx) ? undefined : this.#fullCode);
  }

  /** Milliseconds that such a call would wait; undefined if nothing is known, such as while the limit is 0. */
  waitMs({ cost = 1, priority = 0 }: AdmissionOptions): number | undefined {
    const ahead = this.queue?.weightAhead(priority) ?? 0;
    const permits = ahead > 0 ? ahead + cost : this.active + cost - this.limit;
    if (permits <= 0) return 0;
    const perPermit = this.pace.msPerPermit(this.#options.clock.now(), this.limit, this.active >= this.limit);
    return perPermit === undefined ? undefined : permits * perPermit;
  }

  /** The refusal of a call that is over, counted. */
  refusalIfOver(ctx: AdmissionOptions): RejectedError | undefined {
    if (ctx === NO_ADMISSION_OPTIONS) return undefined;
    const over = refusalAtEntry(ctx, this.#options.clock, this.#options.name);
    return over === undefined ? undefined : this.count(over);
  }

  refuse(code: RejectionCode, retryAfterMs?: number): RejectedError {
    return this.count(new RejectedError(code, this.#options.name, { retryAfterMs }));
  }

  /** Counts a refusal, and returns it. */
  count(refusal: RejectedError): RejectedError {
    this.refused++;
    return refusal;
  }

  get #fullCode(): RejectionCode {
    return this.queue === undefined ? 'CONCURRENCY_LIMIT' : 'QUEUE_FULL';
  }

  /** Whether such a call would have to wait longer than it may. */
  #refusalForTime(ctx: AdmissionOptions): RejectionCode | undefined {
    const { deadline } = ctx;
    const { maxWaitMs, clock } = this.#options;
    if (this.queue === undefined || (deadline === undefined && maxWaitMs === Number.POSITIVE_INFINITY)) {
      return undefined;
    }
    const waitMs = this.waitMs(ctx) ?? 0;
    if (waitMs > maxWaitMs) return 'CONCURRENCY_LIMIT';
    if (waitMs === 0 || deadline === undefined) return undefined;
    const now = clock.now();
    const worksMs = this.pace.expectedMs(now, this.active >= this.limit) ?? 0;
    return now + waitMs + worksMs > deadline ? 'DEADLINE_EXCEEDED' : undefined;
  }

  #enter(cost: number, ctx: AdmissionOptions, settle: (outcome: number | RejectedError) => void): boolean {
    const { queue } = this;
    if (queue === undefined) return false;
    const { clock, name, maxWaitMs } = this.#options;
    if (queue.size === 0) this.pace.lineBegins();
    if (maxWaitMs === Number.POSITIVE_INFINITY) {
      const since = this.#waited++ % WAITS_TIMED_ONE_IN === 0 ? clock.now() : undefined;
      if (!queue.tryPush(new Waiter(cost, settle, since, undefined), ctx)) return false;
    } else {
      const since = clock.now();
      const startBy = since + maxWaitMs;
      const waiter = new Waiter(cost, settle, since, startBy);
      if (!queue.tryPush(waiter, withStartBy(ctx, clock, name, startBy))) return false;
    }
    // Held back by the loop's budget alone: nobody else's end will start it.
    if (this.#fits(cost)) this.#resumeNextTurn();
    return true;
  }

  /** Whoever weighs more than the limit, because that was lowered since, is started alone. */
  #fits(weight: number): boolean {
    return this.#running === 0 ? this.limit > 0 : this.active + weight <= this.limit;
  }

  readonly #isNext = ({ weight }: Waiter): boolean => this.#fits(weight);

  /** Hands a permit to whoever is first in line, if there is one for it and the turn of the loop has time left. */
  #startNext(now: number): void {
    const { queue } = this;
    if (queue === undefined || this.#handingOn) return;
    if (queue.size === 0 || this.active >= this.limit) return;
    if (!this.#options.loopBudget.allows(now)) {
      this.#resumeNextTurn();
      return;
    }
    const next = queue.tryTakeIf(this.#isNext);
    if (next === undefined) return;
    if (next.startBy !== undefined && next.startBy <= now) {
      next.settle(this.refuse('SHED', this.waitMs(NO_ADMISSION_OPTIONS)));
    } else {
      this.#running++;
      this.active += next.weight;
      this.pace.lineMoved(now, next.weight, next.since);
      next.settle(now);
    }
    this.#handOnSoon();
  }

  /**
   * Starts more in a microtask, which comes after the one in which the call that was just started begins to work: what
   * that costs is part of what the loop's budget is asked for.
   */
  #handOnSoon(): void {
    if (this.#handingOn || this.queued === 0 || this.active >= this.limit) return;
    this.#handingOn = true;
    queueMicrotask(this.#handOn);
  }

  readonly #handOn = (): void => {
    this.#handingOn = false;
    this.#startNext(this.#options.loopBudget.look());
    if (this.watched) this.#onMoved();
  };

  #resumeNextTurn(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.#options.loopBudget.whenNextTurn(this.#resume);
  }

  readonly #resume = (): void => {
    this.#resuming = false;
    this.#startNext(this.#options.loopBudget.look());
    if (this.watched) this.#onMoved();
  };

  readonly #onDrop = (waiter: Waiter, refusal: RejectedError): void => {
    const { code } = refusal;
    waiter.settle(
      code === 'SHED' ? this.refuse(code, this.waitMs({ cost: waiter.weight })) : this.count(refusal),
    );
    // A heavy one that leaves may have been all that kept lighter ones waiting.
    if (code !== 'SHUTTING_DOWN') this.#handOnSoon();
    if (this.watched) this.#onMoved();
  };
}
