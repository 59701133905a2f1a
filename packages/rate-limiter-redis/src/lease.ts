/** How much a newly observed demand counts against the demand before. */
const SMOOTHING = 0.5;
/** A new batch is asked for when what is at hand is down to this share of the last, so that nobody waits for it. */
const LOW_WATER = 0.25;

interface Batch {
  permits: number;
  readonly expiresAt: number;
}

/**
 * What one instance holds of one key: permits it has debited from the shared bucket and may spend until they expire,
 * or the store's word that there are none before some time. All times are milliseconds of this instance's clock.
 *
 * A batch expires `leaseMs` after it was asked for, not after it came: the debit happened in between, so what is
 * spent was debited at most `leaseMs` before, however late the reply. With the shared bucket smaller by what comes
 * back in `leaseMs`, the sum of all that is spent never passes the limit.
 */
export class Lease {
  /** The refill under way, if any; whoever needs permits meanwhile waits for the same one. */
  refill: Promise<boolean> | undefined;
  #current: Batch | undefined;
  #next: Batch | undefined;
  #lastGranted = 0;
  #rejectedUntil = Number.NEGATIVE_INFINITY;
  #rejectedCost = Number.POSITIVE_INFINITY;
  #demandPerMs = 0;
  #asked = 0;
  #askedSince: number;

  constructor(now: number) {
    this.#askedSince = now;
  }

  /** Spends `cost` if it is at hand. */
  trySpend(cost: number, now: number): boolean {
    this.#asked += cost;
    while (this.#current !== undefined) {
      if (now < this.#current.expiresAt && this.#current.permits >= cost) {
        this.#current.permits -= cost;
        return true;
      }
      this.#current = this.#next;
      this.#next = undefined;
    }
    return false;
  }

  /** Milliseconds for which the store has rejected `cost`; 0 if it has not. */
  rejectedForMs(cost: number, now: number): number {
    return cost >= this.#rejectedCost ? Math.max(0, this.#rejectedUntil - now) : 0;
  }

  /** Whether it is time to ask for more, though what is at hand will do for now. */
  isLow(): boolean {
    return (this.#current?.permits ?? 0) + (this.#next?.permits ?? 0) < this.#lastGranted * LOW_WATER;
  }

  /** How many permits to ask for: what will be spent in half of `leaseMs` as things go, from `least` to `most`. */
  nextBatch(least: number, most: number, leaseMs: number, now: number): number {
    const elapsedMs = now - this.#askedSince;
    if (elapsedMs > 0) {
      const observed = this.#asked / elapsedMs;
      this.#demandPerMs += (this.#demandPerMs === 0 ? 1 : SMOOTHING) * (observed - this.#demandPerMs);
      this.#asked = 0;
      this.#askedSince = now;
    }
    return Math.max(least, Math.min(most, Math.ceil((this.#demandPerMs * leaseMs) / 2)));
  }

  /** Takes in a batch that expires at `expiresAt`. */
  receive(permits: number, expiresAt: number): void {
    this.#lastGranted = permits;
    this.#rejectedUntil = Number.NEGATIVE_INFINITY;
    if (this.#current === undefined) this.#current = { permits, expiresAt };
    else this.#next = { permits, expiresAt };
  }

  /** Remembers that the store rejects `cost`, and whatever costs more, until `until`. */
  reject(cost: number, until: number): void {
    this.#rejectedCost = cost;
    this.#rejectedUntil = until;
  }

  /** Whether nothing is lost by forgetting it. */
  isForgettable(now: number): boolean {
    const holds = (batch: Batch | undefined): boolean =>
      batch !== undefined && batch.permits > 0 && now < batch.expiresAt;
    return (
      this.refill === undefined && now >= this.#rejectedUntil && !holds(this.#current) && !holds(this.#next)
    );
  }
}
