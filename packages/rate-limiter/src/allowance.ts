import * as gcra from './gcra.ts';
import type { Limit } from './limit.ts';

/**
 * What one bucket has left, at times of a clock that it does not read itself: the algorithm with its one number of
 * state and its limit.
 */
export class Allowance {
  limit: Limit;
  readonly #start: number;
  #tat = 0;

  constructor(limit: Limit, start: number) {
    this.limit = limit;
    this.#start = start;
  }

  /** Takes `cost` at `now` if `need`, which is at most the burst, is there. */
  take(cost: number, now: number, need = cost): boolean {
    const { limit } = this;
    const t = this.time(now);
    if (!gcra.isPossible(limit, need) || !gcra.admits(limit, this.#tat, need, t)) return false;
    this.#tat = gcra.charge(limit, this.#tat, cost, t);
    return true;
  }

  /** Milliseconds after `now` from which `need` is there once `ahead` has been taken; `Infinity` if it never is. */
  waitMs(need: number, ahead: number, now: number): number {
    const { limit } = this;
    if (!gcra.isPossible(limit, need)) return Number.POSITIVE_INFINITY;
    const t = this.time(now);
    const tat = ahead > 0 ? gcra.charge(limit, this.#tat, ahead, t) : this.#tat;
    if (gcra.admits(limit, tat, need, t)) return 0;
    return gcra.untilTime(this.sinceStart(gcra.admissionTime(limit, tat, need)), this.#start, now);
  }

  /** Tokens that were spent and have not come back at `now`. */
  spent(now: number): number {
    return gcra.spent(this.limit, this.#tat, this.time(now));
  }

  /** Takes `cost` whether it is there or not. */
  penalty(cost: number, now: number): void {
    this.#tat = gcra.charge(this.limit, this.#tat, cost, this.time(now));
  }

  /** Gives `cost` back. */
  refund(cost: number, now: number): void {
    this.#tat = gcra.giveBack(this.limit, this.#tat, cost, this.time(now));
  }

  /** Admits nothing for `ms`. */
  block(ms: number, now: number): void {
    this.#tat = gcra.blockUntil(this.limit, this.#tat, this.time(now + ms));
  }

  /** Makes `tokens` what was spent by `now`. */
  setSpent(tokens: number, now: number): void {
    const t = this.time(now);
    this.#tat = gcra.charge(this.limit, t, tokens, t);
  }

  /** Goes on under another limit: what was spent stays spent. */
  change(limit: Limit, now: number): void {
    const spent = this.spent(now);
    this.limit = limit;
    this.setSpent(spent, now);
  }

  /** The present of the algorithm. At rate 0 time stands still, so that what is spent never comes back. */
  protected time(now: number): number {
    return this.limit.rate > 0 && now > this.#start ? now - this.#start : 0;
  }

  /** The inverse: how long after the start the algorithm's present is `t`. */
  protected sinceStart(t: number): number {
    return this.limit.rate > 0 ? t : Number.POSITIVE_INFINITY;
  }
}
