import type { Clock } from '../clock.ts';
import { checkPositive } from './validate.ts';

const DEFAULT_BUDGET_MS = 5;

/** Starts that take less than this are so short that looking at the clock for each would cost as much again. */
const SHORT_MS = 0.02;

/** So many short starts go by at most before the clock is looked at again. */
const MAX_UNSEEN = 7;

/**
 * How much of one turn of the event loop may go to starting work. While work runs, arrivals wait in kernel buffers
 * where nothing can time or reject them; so whoever has spent the budget gives the loop back and goes on in the
 * next turn, after the arrivals have been seen.
 *
 * All primitives of one clock share one budget: the loop is one, however many pools run on it.
 */
export class LoopBudget {
  /** Milliseconds of one turn that may go to starting work. */
  readonly budgetMs: number;
  readonly #clock: Clock;
  #turnStart = 0;
  #inTurn = false;
  #seen = 0;
  #unseen = 0;
  #mayGoUnseen = 0;
  #waiting: (() => void)[] = [];

  /** @param budgetMs - milliseconds (> 0) a turn. Default: 5. @throws TypeError or RangeError if it is not. */
  constructor(clock: Clock, budgetMs: number = DEFAULT_BUDGET_MS) {
    this.#clock = clock;
    this.budgetMs = checkPositive('budgetMs', budgetMs);
  }

  /**
   * The time as far as starting work goes: the clock is looked at, but within a turn only for every eighth start while
   * starts are so short that the look would cost more than it tells.
   */
  look(): number {
    if (this.#inTurn && this.#unseen < this.#mayGoUnseen) {
      this.#unseen++;
      return this.#seen;
    }
    const now = this.#clock.now();
    const short = this.#inTurn && now - this.#seen < SHORT_MS * (1 + this.#unseen);
    this.#mayGoUnseen = short ? Math.min(MAX_UNSEEN, 1 + 2 * this.#mayGoUnseen) : 0;
    this.#unseen = 0;
    this.#seen = now;
    return now;
  }

  /**
   * Whether work may be started at `now` (milliseconds of the clock, which the caller has read anyway). The first
   * start of a turn always may; later ones while less than the budget has passed since.
   */
  allows(now: number): boolean {
    if (this.#inTurn) return now - this.#turnStart < this.budgetMs;
    this.#inTurn = true;
    this.#turnStart = now;
    this.#clock.nextTurn(this.#onNextTurn);
    return true;
  }

  /** Calls `resume` in the next turn, in which it may start work again as far as {@link LoopBudget.allows} says. */
  whenNextTurn(resume: () => void): void {
    this.#waiting.push(resume);
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.#turnStart = this.#clock.now();
    this.#clock.nextTurn(this.#onNextTurn);
  }

  readonly #onNextTurn = (): void => {
    this.#inTurn = false;
    const resumed = this.#waiting;
    if (resumed.length === 0) return;
    this.#waiting = [];
    let called = 0;
    try {
      while (called < resumed.length && this.allows(this.#clock.now())) resumed[called++]?.();
    } finally {
      // Who is not reached, before the budget is spent or one throws, stays in front: nobody lives off the others' share.
      this.#waiting = [...resumed.slice(called), ...this.#waiting];
    }
  };
}

const budgets = /* @__PURE__ */ new WeakMap<Clock, LoopBudget>();

/** The budget that everything on `clock` shares unless it was given one of its own. */
export function loopBudgetOf(clock: Clock): LoopBudget {
  let budget = budgets.get(clock);
  if (budget === undefined) {
    budget = new LoopBudget(clock);
    budgets.set(clock, budget);
  }
  return budget;
}
