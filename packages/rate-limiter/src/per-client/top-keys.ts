import { boundedText } from '../bounded-text.ts';

const MAX_SHOWN_CHARS = 64;

/** A frequent key. */
export interface TopKey {
  /** The key, cut to 64 characters and an ellipsis. */
  readonly key: string;
  /** How often it occurred: at most this often, and at least `count - excess` times. */
  readonly count: number;
  /** The largest possible error of `count`. */
  readonly excess: number;
}

/**
 * The most frequent of any number of keys, with a fixed number of counters: Space-Saving (Metwally, Agrawal and El Abbadi,
 * "Efficient computation of frequent and top-k elements in data streams"). Of `n` occurrences, every key with more than
 * `n / counters` is certain to be among them. Counting compares a key with every counter.
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
    this.#keys[least] = boundedText(key, MAX_SHOWN_CHARS);
    this.#lows[least] = low;
    this.#highs[least] = high;
    this.#excess[least] = counts[least] as number;
    counts[least] = (counts[least] as number) + 1;
  }

  /** Returns the keys with the highest counts, highest first. */
  top(): readonly TopKey[] {
    return this.#keys
      .map((key, i) => ({ key, count: this.#counts[i] as number, excess: this.#excess[i] as number }))
      .sort((a, b) => b.count - a.count);
  }
}
