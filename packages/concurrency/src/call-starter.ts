import type { Clock } from '@bp/core';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Permits } from './permits.ts';
import type { QueuedCall } from './queued-call.ts';
import { WaitEstimator } from './wait-estimator.ts';

/** After a call this short, the next ones of the same turn of the event loop go untimed: the clock would cost more than they do. */
const SHORT_MS = 0.1;
const UNTIMED_AFTER_SHORT = 63;

/** Where every start reads the clock for the loop budget, one call in this period is timed: remembering its start costs too. */
const TIMED_EVERY_MS = 10;

/**
 * Starts and ends calls: takes and gives back their permits, asks the loop budget just before work begins, and measures how
 * long calls take. A start that is not timed has the time `NaN`.
 */
export class CallStarter {
  readonly estimator = new WaitEstimator();
  readonly #permits: Permits;
  readonly #clock: Clock;
  readonly #loopBudget: ResolvedConcurrencyLimiterOptions['loopBudget'];
  /** Whether calls that need not wait start within the loop budget too. The clock is read for each of them. */
  readonly #budgetsAll: boolean;
  /** Calls that were started. */
  admitted = 0;
  #untimed = 0;
  #lastTimed = Number.NEGATIVE_INFINITY;
  /** Whether the call that was timed last still runs. */
  #timedCallRuns = false;
  #turnWatched = false;
  /** What {@link CallStarter.canStart} read, for the start that follows. */
  #now = 0;

  constructor(options: ResolvedConcurrencyLimiterOptions, permits: Permits) {
    const { clock, loopBudget, loopYielding, maxQueue } = options;
    this.#permits = permits;
    this.#clock = clock;
    this.#loopBudget = loopBudget;
    this.#budgetsAll = loopYielding === 'always' && maxQueue > 0;
  }

  /**
   * Whether a call may start now: its permits are free, and the loop budget allows it where it is asked.
   * @param soon - whether the work begins in the next microtask.
   */
  canStart(cost: number, soon: boolean): boolean {
    if (!this.#permits.fits(cost)) return false;
    if (!this.#budgetsAll) return true;
    this.#now = this.#clock.now();
    return soon ? this.#loopBudget.allowsSoon(this.#now) : this.#loopBudget.allows(this.#now);
  }

  /** Starts a call for which {@link CallStarter.canStart} was true just now. Returns the time. */
  start(cost: number): number {
    this.#permits.take(cost);
    this.admitted++;
    if (this.#goesUntimed()) return Number.NaN;
    if (!this.#budgetsAll) this.#now = this.#clock.now();
    this.#lastTimed = this.#now;
    this.#timedCallRuns = true;
    this.estimator.started(this.#now, this.admitted);
    return this.#now;
  }

  /**
   * Starts a queued call, which has its permits. Returns the time, or `NaN` if another start was timed just before; undefined if
   * the loop budget is spent.
   * @param soon - whether the work begins in the next microtask.
   */
  startQueued({ cost, since }: QueuedCall, soon: boolean): number | undefined {
    const now = this.#clock.now();
    if (!(soon ? this.#loopBudget.allowsSoon(now) : this.#loopBudget.allows(now))) return undefined;
    this.admitted++;
    this.estimator.queuedCallStarted(now, this.admitted, cost, since);
    // Of calls that start together one stands for all; not for those that start after its end, which may take longer.
    if (this.#timedCallRuns && now - this.#lastTimed < SHORT_MS) return Number.NaN;
    this.#lastTimed = now;
    this.#timedCallRuns = true;
    return now;
  }

  /** Takes back the permits of a call that was started at `startedAt`. */
  end(cost: number, startedAt: number): void {
    this.#permits.giveBack(cost);
    if (!Number.isNaN(startedAt)) this.#measure(startedAt);
  }

  #measure(startedAt: number): void {
    const now = this.#clock.now();
    const ms = now - startedAt;
    if (startedAt === this.#lastTimed) this.#timedCallRuns = false;
    this.estimator.ended(now, ms);
    if (ms >= SHORT_MS || this.#budgetsAll) {
      this.#untimed = 0;
      return;
    }
    this.#untimed = UNTIMED_AFTER_SHORT;
    // In the next turn calls may take longer: the first one is timed again.
    if (this.#turnWatched) return;
    this.#turnWatched = true;
    this.#clock.nextTurn(this.#onNextTurn);
  }

  readonly #onNextTurn = (): void => {
    this.#turnWatched = false;
    this.#untimed = 0;
  };

  /** A call that exhausts the permits is always timed: the next one may have to wait for it. */
  #goesUntimed(): boolean {
    if (this.#permits.isExhausted) return false;
    if (this.#budgetsAll) return this.#now - this.#lastTimed < TIMED_EVERY_MS && this.estimator.isMeasured;
    return --this.#untimed >= 0;
  }
}
