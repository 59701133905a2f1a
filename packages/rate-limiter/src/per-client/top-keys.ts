const MAX_SHOWN_CHARS = 64;

/** A key that occurred often. */
export interface TopKey {
  /** The key; of one longer than 64 characters the beginning, with an ellipsis. */
  readonly key: string;
  /** How often it occurred: at most this, and at least this minus `excess`. */
  readonly count: number;
  /** What `count` may be too high by. */
  readonly excess: number;
}

/**
 * The keys that occur most often among any number of them, with a fixed number of counters: Space-Saving (Metwally,
 * Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements in data streams"). Of `n` occurrences,
 * every key that has more than `n / counters` is certain to be among them.
 */
export class TopKeys {
  readonly #lows: Int32Array;
  readonly #highs: Int32Array;
  readonly #counts: Float64Array;
  readonly #excess: Float64Array;
  readonly #keys: string[] = [];

  constructor(counters: number) {
    this.#lows = new Int32Array(counters);
    this.#highs = new Int32Array(counters);
    this.#counts = new Float64Array(counters);
    this.#excess = new Float64Array(counters);
  }

  /** Counts one occurrence of `key`, whose hash has the halves `low` and `high`. */
  add(key: string, low: number, high: number): void {
    const counts = this.#counts;
    if (counts.length === 0) return;
    let least = 0;
    for (let i = 0; i < counts.length; i++) {
      const count = counts[i] as number;
      if (this.#lows[i] === low && this.#highs[i] === high && count > 0) {
        counts[i] = count + 1;
        return;
      }
      if (count < (counts[least] as number)) least = i;
    }
    // A new key takes over the lowest count: it may have occurred as often before.
    this.#keys[least] = shown(key);
    this.#lows[least] = low;
    this.#highs[least] = high;
    this.#excess[least] = counts[least] as number;
    counts[least] = (counts[least] as number) + 1;
  }

  /** The keys with the highest counts, highest first. */
  top(): readonly TopKey[] {
    return this.#keys
      .map((key, i) => ({ key, count: this.#counts[i] as number, excess: this.#excess[i] as number }))
      .sort((a, b) => b.count - a.count);
  }
}

function shown(value: string): string {
  const key = String(value);
  if (key.length <= MAX_SHOWN_CHARS) return key;
  // Put together anew: a slice would keep the whole key alive.
  return `${key.slice(0, MAX_SHOWN_CHARS).split('').join('')}…`;
}
