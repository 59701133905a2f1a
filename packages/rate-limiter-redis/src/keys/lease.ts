/** Units that were debited together and may be spent until `expiresAt`. */
export interface Batch {
  units: number;
  readonly expiresAt: number;
}

/**
 * The tokens of one key that this instance has debited from the shared bucket and not spent yet. Amounts are units
 * (millionths of a token), times are milliseconds of this instance's clock.
 *
 * A batch expires `leaseMs` after it was asked for, not after its reply came: so every unit is spent within `leaseMs` of
 * its debit, however late the reply. The shared bucket is smaller than the burst by what comes back in `leaseMs`; hence the
 * sum of what all instances spend never passes the limit.
 */
export class Lease {
  readonly #leaseMs: number;
  /** At most two, the one that expires first in front. */
  readonly #batches: Batch[];

  constructor(leaseMs: number, batches: readonly Batch[] = []) {
    this.#leaseMs = leaseMs;
    this.#batches = batches.map((batch) => ({ ...batch }));
  }

  /** What is held, as a copy. */
  get batches(): readonly Readonly<Batch>[] {
    return this.#batches.map((batch) => ({ ...batch }));
  }

  /** Units at hand. */
  available(now: number): number {
    this.#expire(now);
    let sum = 0;
    for (const { units } of this.#batches) sum += units;
    return sum;
  }

  /** Units at hand that can still be spent at `later`. */
  lasting(later: number): number {
    let sum = 0;
    for (const { units, expiresAt } of this.#batches) if (later < expiresAt) sum += units;
    return sum;
  }

  /** Spends `units` if they are at hand; batches add up. */
  trySpend(units: number, now: number): boolean {
    return this.spendWith(units, 0, now) >= 0;
  }

  /**
   * Spends `units` from what is at hand, and from `grant`, a reply of the store that has just come, where that is not enough.
   * Returns what is left of the grant, or -1 if both together are too little; then nothing is spent.
   */
  spendWith(units: number, grant: number, now: number): number {
    const available = this.available(now);
    if (available + grant < units) return -1;
    let missing = units;
    for (let first = this.#batches[0]; first !== undefined && missing > 0; first = this.#batches[0]) {
      const spent = Math.min(first.units, missing);
      first.units -= spent;
      missing -= spent;
      if (first.units === 0) this.#batches.shift();
    }
    return grant - missing;
  }

  /** Takes up what is left of a grant that was asked for at `askedAt`. */
  receive(units: number, askedAt: number, now: number): void {
    const expiresAt = askedAt + this.#leaseMs;
    if (units <= 0 || now >= expiresAt) return;
    this.#expire(now);
    const [first, second] = this.#batches;
    if (first !== undefined && second !== undefined) {
      // Replies may come out of order, and the earlier expiry is the safe one for both.
      this.#batches.splice(0, 2, {
        units: first.units + second.units,
        expiresAt: Math.min(first.expiresAt, second.expiresAt),
      });
    }
    this.#batches.push({ units, expiresAt });
    this.#batches.sort((a, b) => a.expiresAt - b.expiresAt);
  }

  #expire(now: number): void {
    for (
      let first = this.#batches[0];
      first !== undefined && now >= first.expiresAt;
      first = this.#batches[0]
    ) {
      this.#batches.shift();
    }
  }
}
