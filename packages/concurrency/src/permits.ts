import type { LoopBudget } from '@bp/core/kit';
import { Pace } from './pace.ts';

/** While nobody waits, only one call in so many is timed: the clock costs more than the rest of the decision. */
const TIMED_ONE_IN = 64;

/** Where the clock is read anyway, one call in so many milliseconds is timed: remembering when it began costs too. */
const TIMED_EVERY_MS = 10;

/** The permits of a limiter: how many there are, how many are out, and how fast they come back. */
export class Permits {
  readonly pace = new Pace();
  readonly #loopBudget: LoopBudget;
  /** Whether newcomers too are started on the loop's budget. The clock is read for each of them. */
  readonly #pacesAll: boolean;
  limit: number;
  /** The weight of the permits out. */
  active = 0;
  admitted = 0;
  #running = 0;
  #measured = false;
  #untilTimed = 0;
  #lastTimed = 0;
  /** What the clock said last, for who asks next. */
  #now = 0;

  constructor(limit: number, loopBudget: LoopBudget, pacesAll: boolean) {
    this.limit = limit;
    this.#loopBudget = loopBudget;
    this.#pacesAll = pacesAll;
  }

  /** Whether no permit is out. */
  get allHome(): boolean {
    return this.#running === 0;
  }

  get allOut(): boolean {
    return this.active >= this.limit;
  }

  /** Whether there are enough for a call of this weight. */
  hasFree(cost: number): boolean {
    return cost > 0 && this.active + cost <= this.limit;
  }

  /** The same for whoever is next in line: one who weighs more than the limit, because that was lowered, is started alone. */
  hasFreeInTurn(weight: number): boolean {
    return this.#running === 0 ? this.limit > 0 : this.active + weight <= this.limit;
  }

  /** Whether the turn of the loop has time left for a newcomer, where those are asked to mind it. */
  mayBegin(): boolean {
    if (!this.#pacesAll) return true;
    this.#now = this.#loopBudget.look();
    return this.#loopBudget.allows(this.#now);
  }

  /** Starts a newcomer that {@link Permits.mayBegin}. Returns the time, `NaN` if this one is not timed. */
  begin(cost: number): number {
    this.#running++;
    this.active += cost;
    this.admitted++;
    if (this.active < this.limit && this.#goesUntimed()) return Number.NaN;
    if (!this.#pacesAll) this.#now = this.#loopBudget.look();
    this.#lastTimed = this.#now;
    this.#untilTimed = TIMED_ONE_IN;
    this.pace.started(this.#now);
    return this.#now;
  }

  /**
   * Gives a permit to one who has waited; whether it is `admitted` is for its own caller to see. Returns the time, `NaN` if
   * this one is not timed: of those who start at the same look at the clock one stands for all.
   */
  beginInTurn(weight: number, now: number, since: number | undefined): number {
    this.#running++;
    this.active += weight;
    this.pace.lineMoved(now, weight, since);
    if (now === this.#lastTimed) return Number.NaN;
    this.#lastTimed = now;
    return now;
  }

  /** Takes one back. */
  end(cost: number): void {
    this.#running--;
    // Sums of fractions drift; where nothing runs nothing weighs.
    this.active = this.#running === 0 ? 0 : this.active - cost;
  }

  /** Until one has ended, all are timed; then the clock is looked at now and then, or where it was read anyway. */
  #goesUntimed(): boolean {
    if (!this.#measured) {
      this.#measured = this.pace.serviceMs !== undefined;
      return false;
    }
    return this.#pacesAll ? this.#now - this.#lastTimed < TIMED_EVERY_MS : --this.#untilTimed > 0;
  }
}
