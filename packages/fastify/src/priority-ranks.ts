interface Shares {
  below: number;
  above: number;
}

interface Rank extends Shares {
  count: number;
}

/** How often ranks are computed anew at most, and by how much the past fades in that time: it counts for a second. */
const REFRESH_MS = 100;
const FADING = 0.9;
const FORGOTTEN = 0.01;
/** Priorities known one by one; tiers, routes and urgencies make a few dozen at most. */
const MAX_PRIORITIES = 256;

/**
 * Where a priority stands among those of the last second or so: the shares of requests that were less and more
 * important. What is rejected under load is decided by them and not by the numbers, which mean nothing by themselves.
 */
export class PriorityRanks {
  readonly #ranks = new Map<number, Rank>();
  #refreshed = Number.NEGATIVE_INFINITY;

  /** The share (0 to 1) of recent requests below this priority. */
  below(priority: number, now: number): number {
    if (now - this.#refreshed >= REFRESH_MS) this.#refresh(now);
    return this.#ranks.get(priority)?.below ?? this.#shares(priority).below;
  }

  /** The share (0 to 1) of recent requests above this priority. */
  above(priority: number, now: number): number {
    if (now - this.#refreshed >= REFRESH_MS) this.#refresh(now);
    return this.#ranks.get(priority)?.above ?? this.#shares(priority).above;
  }

  /** Counts a request of this priority. */
  count(priority: number, now: number): void {
    if (now - this.#refreshed >= REFRESH_MS) this.#refresh(now);
    const rank = this.#ranks.get(priority);
    if (rank !== undefined) rank.count++;
    else if (this.#ranks.size < MAX_PRIORITIES) {
      this.#ranks.set(priority, { count: 1, ...this.#shares(priority) });
    }
  }

  #refresh(now: number): void {
    const fading = FADING ** ((now - this.#refreshed) / REFRESH_MS);
    this.#refreshed = now;
    for (const [priority, rank] of this.#ranks) {
      rank.count *= fading;
      if (rank.count < FORGOTTEN) this.#ranks.delete(priority);
    }
    for (const [priority, rank] of this.#ranks) Object.assign(rank, this.#shares(priority));
  }

  #shares(priority: number): Shares {
    let below = 0;
    let above = 0;
    let total = 0;
    for (const [other, { count }] of this.#ranks) {
      total += count;
      if (other < priority) below += count;
      else if (other > priority) above += count;
    }
    return total === 0 ? { below: 0, above: 0 } : { below: below / total, above: above / total };
  }
}
