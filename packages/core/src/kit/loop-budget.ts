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
  readonly #waiting: (() => void)[] = [];

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
    if (this.#firstStart !== undefined) return now - this.#firstStart < this.budgetMs;
    this.#firstStart = now;
    this.#schedule();
    return true;
  }

  /**
   * Calls `resume` in a later turn, in which it may start work as far as {@link LoopBudget.allows} permits. Callbacks are
   * called first come, first served, each in a turn of its own: the work that it starts may begin in a microtask, so that
   * the time left for the next one is known in the next turn only.
   */
  whenNextTurn(resume: () => void): void {
    this.#waiting.push(resume);
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
    const resume = this.#waiting.shift();
    // Scheduled before the callback runs: if it throws, the others must still be called.
    if (this.#waiting.length > 0) this.#schedule();
    resume?.();
  };
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
