/** How often ranks are computed at most, and by how much counts fade in that time: they cover about a second. */
const REFRESH_MS = 100;
const FADING = 0.9;
const FORGOTTEN = 0.01;
/** Bounds memory and the cost of a refresh, whatever priorities clients choose. Tiers, routes and urgencies make a few dozen. */
const MAX_PRIORITIES = 256;

/** A priority and the requests counted for it. */
interface Rank {
  readonly priority: number;
  count: number;
  /** Counts of all lower priorities, at the last refresh. */
  lower: number;
  /** Counts of this and all lower priorities, at the last refresh. */
  upTo: number;
}

/**
 * Ranks priorities by the shares of recent requests that were less and more important. Shedding is decided by these shares: the
 * numbers mean nothing by themselves. Every operation takes O(log n) of at most 256 priorities.
 */
export class PriorityRanks {
  /** In ascending order of priority. */
  #ranks: Rank[] = [];
  #total = 0;
  #refreshed = Number.NEGATIVE_INFINITY;

  /** The share (0 to 1) of recent requests with a lower priority. */
  below(priority: number, now: number): number {
    this.#refreshIfDue(now);
    if (this.#total === 0) return 0;
    const i = this.#indexOf(priority);
    return (this.#ranks[i]?.lower ?? this.#total) / this.#total;
  }

  /** The share (0 to 1) of recent requests with a higher priority. */
  above(priority: number, now: number): number {
    this.#refreshIfDue(now);
    if (this.#total === 0) return 0;
    const i = this.#indexOf(priority);
    const rank = this.#ranks[i];
    if (rank?.priority === priority) return (this.#total - rank.upTo) / this.#total;
    return (this.#total - (this.#ranks[i - 1]?.upTo ?? 0)) / this.#total;
  }

  /** Counts a request. Beyond 256 priorities a new one is counted with the next lower or the lowest one that is known. */
  count(priority: number, now: number): void {
    this.#refreshIfDue(now);
    const i = this.#indexOf(priority);
    const rank = this.#ranks[i];
    if (rank?.priority === priority) {
      rank.count++;
    } else if (this.#ranks.length < MAX_PRIORITIES) {
      const lower = this.#ranks[i - 1]?.upTo ?? 0;
      this.#ranks.splice(i, 0, { priority, count: 1, lower, upTo: lower });
    } else {
      const neighbour = this.#ranks[Math.max(0, i - 1)];
      if (neighbour !== undefined) neighbour.count++;
    }
  }

  /** The index of the first rank with at least this priority. */
  #indexOf(priority: number): number {
    let low = 0;
    let high = this.#ranks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranks[middle]?.priority ?? 0) < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #refreshIfDue(now: number): void {
    // The first requests after a pause are ranked at once.
    const isFirst = this.#total === 0 && this.#ranks.length > 0;
    if (now - this.#refreshed < REFRESH_MS && !isFirst) return;
    const fading = FADING ** ((now - this.#refreshed) / REFRESH_MS);
    this.#refreshed = now;
    this.#ranks = this.#ranks.filter((rank) => {
      rank.count *= fading;
      return rank.count >= FORGOTTEN;
    });
    let sum = 0;
    for (const rank of this.#ranks) {
      rank.lower = sum;
      sum += rank.count;
      rank.upTo = sum;
    }
    this.#total = sum;
  }
}
