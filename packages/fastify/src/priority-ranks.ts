interface Rank {
  count: number;
  below: number;
}

/** How often ranks are computed anew at most, and by how much the past fades in that time: it counts for a second. */
const REFRESH_MS = 100;
const FADING = 0.9;
const FORGOTTEN = 0.01;
/** Priorities known one by one; tiers, routes and urgencies make a few dozen at most. */
const MAX_PRIORITIES = 256;

/**
 * Where a priority stands among those of the last second or so: the share of requests that were less important. What
 * is refused under load is decided by this share and not by the numbers, which mean nothing by themselves.
 */
export class PriorityRanks {
  readonly #ranks = new Map<number, Rank>();
  #refreshed = Number.NEGATIVE_INFINITY;

  /** Counts a request of this priority and returns the share (0 to 1) of recent requests below it. */
  see(priority: number, now: number): number {
    if (now - this.#refreshed >= REFRESH_MS) this.#refresh(now);
    let rank = this.#ranks.get(priority);
    if (rank === undefined) {
      rank = { count: 0, below: this.#shareBelow(priority) };
      if (this.#ranks.size < MAX_PRIORITIES) this.#ranks.set(priority, rank);
    }
    rank.count++;
    return rank.below;
  }

  #refresh(now: number): void {
    const fading = FADING ** ((now - this.#refreshed) / REFRESH_MS);
    this.#refreshed = now;
    for (const [priority, rank] of this.#ranks) {
      rank.count *= fading;
      if (rank.count < FORGOTTEN) this.#ranks.delete(priority);
    }
    for (const [priority, rank] of this.#ranks) rank.below = this.#shareBelow(priority);
  }

  #shareBelow(priority: number): number {
    let below = 0;
    let total = 0;
    for (const [other, { count }] of this.#ranks) {
      total += count;
      if (other < priority) below += count;
    }
    return total === 0 ? 0 : below / total;
  }
}
