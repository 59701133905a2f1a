import { DebtState } from './debt-state.ts';
import * as gcra from './gcra.ts';
import type { Limit } from './limit.ts';

/** The state of one bucket, at times of a clock that it does not read itself. Time that goes backwards grants nothing. */
export class Allowance extends DebtState {
  limit: Limit;
  /** The debt at the time `#at`. */
  #debtMs = 0;
  #at: number;

  constructor(limit: Limit, now: number) {
    super();
    this.limit = limit;
    this.#at = now;
  }

  /** Takes `cost` at `now` if `need`, which is at most the burst, is available. */
  take(cost: number, now: number, need = cost): boolean {
    const { limit } = this;
    if (this.isBlocked(now) || !gcra.isPossible(limit, need)) return false;
    const debtMs = this.debtAt(now);
    if (!gcra.admits(limit, debtMs, need)) return false;
    this.#store(gcra.charge(limit, debtMs, cost), now);
    return true;
  }

  /** Tokens that were spent and have not come back at `now`. */
  spent(now: number): number {
    return gcra.spentTokens(this.limit, this.debtAt(now));
  }

  /** Takes `cost` whether it is available or not. */
  penalty(cost: number, now: number): void {
    this.#store(gcra.charge(this.limit, this.debtAt(now), cost), now);
  }

  /** Gives `cost` back. */
  refund(cost: number, now: number): void {
    this.#store(gcra.giveBack(this.limit, this.debtAt(now), cost), now);
  }

  /** Admits nothing for `ms`; tokens come back meanwhile. Never shortens an earlier block. */
  block(ms: number, now: number): void {
    this.blockedUntil = Math.max(this.blockedUntil, now + ms);
  }

  /** Milliseconds of a block that are left at `now`. */
  blockedForMs(now: number): number {
    return Math.max(0, this.blockedUntil - now);
  }

  /** Ends a block. */
  unblock(): void {
    this.blockedUntil = Number.NEGATIVE_INFINITY;
  }

  /** Makes `tokens` the tokens that were spent by `now`. */
  setSpent(tokens: number, now: number): void {
    this.#store(gcra.charge(this.limit, 0, tokens), now);
  }

  /** Changes the limit: the tokens that were spent stay spent. */
  change(limit: Limit, now: number): void {
    this.#store(gcra.transferDebt(this.limit, limit, this.debtAt(now)), now);
    this.limit = limit;
  }

  protected override get knownSince(): number {
    return this.#at;
  }

  protected override debtAt(now: number): number {
    // At rate 0 time stands still, so that what is spent never comes back.
    if (!(now > this.#at) || this.limit.rate === 0) return this.#debtMs;
    return Math.max(0, this.#debtMs - this.elapsed(this.#at, now));
  }

  /** Milliseconds by which the debt shrinks between two times. */
  protected elapsed(from: number, to: number): number {
    return to - from;
  }

  #store(debtMs: number, now: number): void {
    this.#debtMs = debtMs;
    if (now > this.#at) this.#at = now;
  }
}
