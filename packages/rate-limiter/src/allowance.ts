import * as gcra from './gcra.ts';
import type { Limit } from './limit.ts';
import { type Pace, STILL, type WarmUp } from './pace.ts';

/**
 * What one bucket has left, at times of a clock that it does not read itself: the algorithm with its one number of
 * state, its limit and its pace.
 */
export class Allowance {
  limit: Limit;
  readonly #start: number;
  readonly #warmUp: WarmUp | undefined;
  #pace: Pace | undefined;
  #tat = 0;

  constructor(limit: Limit, start: number, warmUp?: WarmUp) {
    this.limit = limit;
    this.#start = start;
    this.#warmUp = warmUp;
    this.#pace = limit.rate === 0 ? STILL : warmUp;
    if (warmUp !== undefined) this.warmUpAgain(start);
  }

  /** Takes `cost` at `now` if `need`, which is at most the burst, is there. */
  take(cost: number, now: number, need = cost): boolean {
    const { limit } = this;
    const t = this.#time(now);
    if (!gcra.isPossible(limit, need) || !gcra.admits(limit, this.#tat, need, t)) return false;
    this.#tat = gcra.charge(limit, this.#tat, cost, t);
    return true;
  }

  /** Milliseconds after `now` from which `need` is there once `ahead` has been taken; `Infinity` if it never is. */
  waitMs(need: number, ahead: number, now: number): number {
    const { limit } = this;
    if (!gcra.isPossible(limit, need)) return Number.POSITIVE_INFINITY;
    const t = this.#time(now);
    const tat = ahead > 0 ? gcra.charge(limit, this.#tat, ahead, t) : this.#tat;
    if (gcra.admits(limit, tat, need, t)) return 0;
    const at = gcra.admissionTime(limit, tat, need);
    return gcra.untilTime(this.#pace === undefined ? at : this.#pace.since(at), this.#start, now);
  }

  /** Tokens that were spent and have not come back at `now`. */
  spent(now: number): number {
    return gcra.spent(this.limit, this.#tat, this.#time(now));
  }

  /** Takes `cost` whether it is there or not. */
  penalty(cost: number, now: number): void {
    this.#tat = gcra.charge(this.limit, this.#tat, cost, this.#time(now));
  }

  /** Gives `cost` back. */
  refund(cost: number, now: number): void {
    this.#tat = gcra.giveBack(this.limit, this.#tat, cost, this.#time(now));
  }

  /** Admits nothing for `ms`. */
  block(ms: number, now: number): void {
    this.#tat = gcra.blockUntil(this.limit, this.#tat, this.#time(now + ms));
  }

  /** Makes `tokens` what was spent by `now`. */
  setSpent(tokens: number, now: number): void {
    const t = this.#time(now);
    this.#tat = gcra.charge(this.limit, t, tokens, t);
  }

  /** Goes on under another limit: what was spent stays spent. */
  change(limit: Limit, now: number): void {
    const spent = this.spent(now);
    this.limit = limit;
    this.#pace = limit.rate === 0 ? STILL : this.#warmUp;
    this.setSpent(spent, now);
  }

  /** Begins the ramp again, with one token at most. */
  warmUpAgain(now: number): void {
    this.#warmUp?.restart(Math.max(0, now - this.#start));
    this.setSpent(Math.max(this.spent(now), this.limit.burst - 1), now);
  }

  #time(now: number): number {
    const since = now > this.#start ? now - this.#start : 0;
    return this.#pace === undefined ? since : this.#pace.elapsed(since);
  }
}
