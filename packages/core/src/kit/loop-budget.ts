import type { Clock } from '../clock.ts';
import { checkPositive } from './validate.ts';

const DEFAULT_BUDGET_MS = 5;

/**
 * Limits the time in one turn of the event loop during which work may be started. While work runs, requests wait in kernel
 * buffers, where nothing can time or reject them. A primitive that has spent the budget continues in a later turn, after
 * the loop has read these requests.
 *
 * All primitives of one clock share one budget, because they share one loop. A turn takes at most the budget and one job, if
 * every primitive calls {@link LoopBudget.allows} with a fresh time right before each job begins.
 */
export class LoopBudget {
  /** Milliseconds of one turn in which work may be started. */
  readonly budgetMs: number;
  readonly #clock: Clock;
  /** When the first work of this turn was started; undefined if none was. */
  #firstStart: number | undefined;
  #scheduled = false;
  /** Whether work was allowed that has not begun yet. */
  #startPending = false;
  /** Callbacks for this turn, if it has time left for them. */
  #waiting: (() => void)[] = [];
  /** Callbacks for the next turn. */
  #later: (() => void)[] = [];
  #resumesSoon = false;

  /** @param budgetMs - milliseconds (> 0) a turn. Default: 5. @throws TypeError or RangeError if it is not. */
  constructor(clock: Clock, budgetMs: number = DEFAULT_BUDGET_MS) {
    this.#clock = clock;
    this.budgetMs = checkPositive('budgetMs', budgetMs);
  }

  /** Reads the clock: the time for {@link LoopBudget.allows}. */
  look(): number {
    return this.#clock.now();
  }

  /**
   * Returns whether work may be started at `now`, the time that the caller has just read. The first start of a turn is always
   * allowed; later ones while less than the budget has passed since.
   */
  allows(now: number): boolean {
    if (this.#startPending) return false;
    if (this.#firstStart !== undefined) return now - this.#firstStart < this.budgetMs;
    this.#firstStart = now;
    this.#schedule();
    return true;
  }

  /**
   * Does the same for work that begins in the next microtask, such as the reaction to a promise that is resolved now. No other
   * work is allowed before it has begun, because the time that it takes is not known before.
   */
  allowsSoon(now: number): boolean {
    if (!this.allows(now)) return false;
    this.#startPending = true;
    afterNextMicrotask(this.#onBegun);
    return true;
  }

  /**
   * Calls `resume` when work may be started again: in a later turn, or when the work has begun that {@link LoopBudget.allowsSoon}
   * allowed. Callbacks are called first come, first served, one at a time, and the next one in the same turn only if the work
   * that the last one started has left time for it.
   */
  whenNextTurn(resume: () => void): void {
    (this.#startPending ? this.#waiting : this.#later).push(resume);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.nextTurn(this.#onNextTurn);
  }

  readonly #onNextTurn = (): void => {
    this.#scheduled = false;
    this.#firstStart = undefined;
    if (this.#later.length > 0) {
      this.#waiting = this.#waiting.concat(this.#later);
      this.#later = [];
    }
    this.#resumeNext();
  };

  readonly #onBegun = (): void => {
    this.#startPending = false;
    this.#resumeNext();
  };

  readonly #onResumesSoon = (): void => {
    this.#resumesSoon = false;
    this.#resumeNext();
  };

  #resumeNext(): void {
    if (this.#startPending || this.#waiting.length === 0) return;
    // Scheduled before the callback runs: if it throws, the others must still be called.
    this.#schedule();
    const isSpent = this.#firstStart !== undefined && this.#clock.now() - this.#firstStart >= this.budgetMs;
    if (isSpent) return;
    const resume = this.#waiting.shift();
    if (this.#waiting.length > 0 && !this.#resumesSoon) {
      this.#resumesSoon = true;
      // By then the work that the callback starts has begun, also if that happens in a microtask.
      afterNextMicrotask(this.#onResumesSoon);
    }
    resume?.();
  }
}

/** Calls `callback` after the microtasks that are queued now and those that the running code queues. */
function afterNextMicrotask(callback: () => void): void {
  // Not `queueMicrotask`, which fake timers replace: the budget of a clock outlives the test that uses them.
  void Promise.resolve().then(() => Promise.resolve().then(callback));
}

const budgets = /* @__PURE__ */ new WeakMap<Clock, LoopBudget>();

/** Returns the budget that all primitives on `clock` share unless they are given another one. */
export function loopBudgetOf(clock: Clock): LoopBudget {
  let budget = budgets.get(clock);
  if (budget === undefined) {
    budget = new LoopBudget(clock);
    budgets.set(clock, budget);
  }
  return budget;
}
