/** What sums of refills may be off by for having been rounded, in units. */
const ROUNDING = 1e-3;

/** What one instance may admit of one key without the store. Amounts are units, millionths of a permit. */
export interface LocalLimit {
  /** Milliseconds in which one unit comes back. */
  readonly unitMs: number;
  /** The most a key can have at hand. */
  readonly capacity: number;
  /** What a key has at hand at first. */
  readonly initial: number;
  /** Whether every key has nothing at hand when an outage begins. */
  readonly startsEmpty: boolean;
  /** The shared burst in units, and the milliseconds in which an empty shared bucket fills. */
  readonly burst: number;
  readonly burstMs: number;
}

/**
 * One key's local token bucket for the time in which the store is unavailable, and the debt that this leaves.
 *
 * Calls that the store admitted are charged here too, so that an outage is no second allowance. What is admitted here
 * is a debt: the shared bucket is charged with it once the store is back. The shared bucket refills by itself during the first
 * `burstMs` of an outage, so the debt shrinks by the local rate only after that.
 */
export class LocalAllowance {
  readonly #limit: LocalLimit;
  #level: number;
  #at: number;
  #outageAt = Number.NEGATIVE_INFINITY;
  #debt = 0;
  #debtAt: number;

  constructor(limit: LocalLimit, now: number) {
    this.#limit = limit;
    this.#level = limit.initial;
    this.#at = now;
    this.#debtAt = now;
  }

  /** Takes `units` in the outage that began at `outageAt`, if they are there. */
  take(units: number, outageAt: number, now: number): boolean {
    this.#refill(outageAt, now);
    if (this.#level + ROUNDING < units) return false;
    this.#level = Math.max(0, this.#level - units);
    return true;
  }

  /** Charges what the store has admitted; it empties the bucket at most. */
  charge(units: number, now: number): void {
    this.#refill(this.#outageAt, now);
    this.#level = Math.max(0, this.#level - units);
  }

  /** Milliseconds until `units` are there; undefined if they never will be here. */
  waitMs(units: number, outageAt: number, now: number): number | undefined {
    if (units > this.#limit.capacity) return undefined;
    this.#refill(outageAt, now);
    return Math.max(0, (units - this.#level) * this.#limit.unitMs);
  }

  /** Remembers what was admitted without the store. More than the burst makes no difference. */
  addDebt(units: number, outageAt: number, now: number): void {
    this.#debt = Math.min(this.#limit.burst, this.debt(outageAt, now) + units);
  }

  /** Forgets `units` of the debt: the store has charged them. */
  payDebt(units: number): void {
    this.#debt = Math.max(0, this.#debt - units);
  }

  /** Whole units that the shared bucket is to be charged with. */
  debt(outageAt: number, now: number): number {
    const from = Math.max(this.#debtAt, outageAt + this.#limit.burstMs);
    if (now > from) this.#debt = Math.max(0, this.#debt - (now - from) / this.#limit.unitMs);
    this.#debtAt = Math.max(this.#debtAt, now);
    return Math.ceil(this.#debt);
  }

  /** Whether a new allowance would admit no more. */
  isFresh(outageAt: number, now: number): boolean {
    this.#refill(outageAt, now);
    return this.#level >= this.#limit.initial && this.debt(outageAt, now) === 0;
  }

  #refill(outageAt: number, now: number): void {
    const { startsEmpty, capacity, unitMs } = this.#limit;
    if (startsEmpty && outageAt > this.#outageAt) {
      this.#level = 0;
      this.#at = outageAt;
    }
    this.#outageAt = Math.max(this.#outageAt, outageAt);
    if (now <= this.#at) return;
    this.#level = Math.min(capacity, this.#level + (now - this.#at) / unitMs);
    this.#at = now;
  }
}
