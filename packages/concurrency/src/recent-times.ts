/** How many measured times are kept. */
const SIZE = 32;

/** Times measured within this period count, however many calls that were. */
export const WINDOW_MS = 2000;

/** So do times measured within this many calls: three calls one after another, the oldest of which ended two calls ago. */
export const WINDOW_CALLS = 2.5;

/**
 * After this period without a new measurement, and after {@link WINDOW_CALLS}, a long mean is not known any more: the incident
 * that it comes from may be over. A short mean is kept, because new measurements replace it within {@link WINDOW_MS}.
 */
const STALE_MS = 60_000;

/** The longest time counts as at most this many times the mean of the others. */
const MAX_OUTLIER = 10;

/**
 * The mean of recently measured times, in milliseconds. It covers the last two seconds, or the last three calls where that is
 * longer, and at most 32 of them: so it follows a change within that period, whatever was measured before. A single outlier
 * has little weight.
 */
export class RecentTimes {
  readonly #at = new Array<number>(SIZE).fill(0);
  readonly #ms = new Array<number>(SIZE).fill(0);
  #recorded = 0;
  #meanMs = 0;
  #deviationMs = 0;
  /** For which time the means above were computed. */
  #computedFor = Number.NaN;

  /** Adds a time of `ms` (>= 0) that was measured at `now`. */
  record(now: number, ms: number): void {
    const slot = this.#recorded++ % SIZE;
    this.#at[slot] = now;
    this.#ms[slot] = ms;
    this.#computedFor = Number.NaN;
  }

  /** Whether nothing was recorded yet. */
  get isEmpty(): boolean {
    return this.#recorded === 0;
  }

  /** The mean when the last time was recorded; undefined if none was. */
  get lastMeanMs(): number | undefined {
    if (this.#recorded === 0) return undefined;
    this.#compute(this.#lastAt);
    return this.#meanMs;
  }

  /** The mean at `now`; undefined if nothing was recorded, or a long mean too long ago. */
  meanMs(now: number): number | undefined {
    if (this.#recorded === 0) return undefined;
    this.#compute(now);
    const spanMs = WINDOW_CALLS * this.#meanMs;
    const isStale = spanMs > WINDOW_MS && now - this.#lastAt > Math.max(STALE_MS, spanMs);
    return isStale ? undefined : this.#meanMs;
  }

  /** How far the times are from their mean, on average; 0 if nothing was recorded. */
  deviationMs(now: number): number {
    if (this.#recorded === 0) return 0;
    this.#compute(now);
    return this.#deviationMs;
  }

  get #lastAt(): number {
    return this.#at[(this.#recorded - 1) % SIZE] as number;
  }

  #compute(now: number): void {
    if (now === this.#computedFor) return;
    this.#computedFor = now;
    let count = 0;
    let sum = 0;
    let longest = 0;
    for (const stop = Math.min(this.#recorded, SIZE); count < stop; count++) {
      const slot = (this.#recorded - 1 - count) % SIZE;
      const ageMs = now - (this.#at[slot] as number);
      if (count > 0 && ageMs >= Math.max(WINDOW_MS, (WINDOW_CALLS * sum) / count)) break;
      const ms = this.#ms[slot] as number;
      sum += ms;
      longest = Math.max(longest, ms);
    }
    const most = count > 1 ? (MAX_OUTLIER * (sum - longest)) / (count - 1) : longest;
    this.#meanMs = (sum - longest + Math.min(longest, most)) / count;
    let deviations = 0;
    for (let i = 0; i < count; i++) {
      const ms = Math.min(most, this.#ms[(this.#recorded - 1 - i) % SIZE] as number);
      deviations += Math.abs(ms - this.#meanMs);
    }
    this.#deviationMs = deviations / count;
  }
}
