import * as gcra from './gcra.ts';
import type { Limit } from './limit.ts';

/** A limit, a debt and a block: the state that decides about a call. Computes the exact wait. */
export abstract class DebtState {
  abstract limit: Limit;
  /** The clock time until which nothing is admitted. */
  protected blockedUntil = Number.NEGATIVE_INFINITY;

  /** The debt at a clock time that is not before `knownSince`. */
  protected abstract debtAt(now: number): number;

  /** The clock time of the latest change: the debt of an earlier time is not known any more. */
  protected abstract get knownSince(): number;

  /** Clock milliseconds after `from` in which the debt shrinks by `ms`. */
  protected clockMsFor(_from: number, ms: number): number {
    return ms;
  }

  /** Whether a block has not ended at `now`; true for a `now` that is not a number. */
  protected isBlocked(now: number): boolean {
    return !(now >= this.blockedUntil);
  }

  /** Milliseconds after `now` from which `cost` is admitted once `ahead` has been taken; `Infinity` if it never is. */
  waitMs(cost: number, ahead: number, now: number): number {
    const present = Number.isNaN(now) ? this.knownSince : now;
    // The calls ahead wait for the end of a block too, so their tokens are taken after it.
    const from = Math.max(present, this.knownSince, this.blockedUntil);
    const waitMs = gcra.waitMs(this.limit, gcra.charge(this.limit, this.debtAt(from), ahead), cost);
    if (waitMs === 0 && !this.isBlocked(present)) return 0;
    const wait = from + this.clockMsFor(from, waitMs) - present;
    // With calls ahead nothing can be verified: their tokens have not been taken yet.
    return ahead > 0 ? wait : this.#roundUp(wait, cost, present);
  }

  /** Lengthens `wait` by the few units in the last place that rounding has made it too short. */
  #roundUp(wait: number, cost: number, now: number): number {
    let longer = wait;
    for (let i = 0; i < 16 && longer < Number.POSITIVE_INFINITY; i++) {
      const at = now + longer;
      if (!this.isBlocked(at) && gcra.admits(this.limit, this.debtAt(at), cost)) return longer;
      longer += Math.max(Math.abs(at), longer) * Number.EPSILON * 2 ** i;
    }
    return longer;
  }
}
