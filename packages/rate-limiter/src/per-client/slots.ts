/** Slots to a bucket. */
export const WAYS = 16;

/**
 * The memory of a `KeyTable`: buckets of sixteen slots. A slot holds the 64 bits of a hash, a theoretical arrival time
 * and a tier. A slot that was never used holds the time 0.
 *
 * A bucket is 256 contiguous bytes, sixteen hashes and then sixteen times, because a decision costs as much as the memory
 * that it fetches. Tiers are kept apart, and only read if there are any.
 */
export class Slots {
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #tiers: Uint8Array | undefined;

  constructor(buckets: number, withTiers: boolean) {
    const memory = new ArrayBuffer(buckets * WAYS * 16);
    this.#words = new Int32Array(memory);
    this.#times = new Float64Array(memory);
    this.#tiers = withTiers ? new Uint8Array(buckets * WAYS) : undefined;
  }

  /** How many slots exist, numbered bucket by bucket. */
  get length(): number {
    return this.#times.length / 2;
  }

  /** The size of the slots in bytes. */
  get bytes(): number {
    return this.#times.byteLength + (this.#tiers?.byteLength ?? 0);
  }

  /** The slot of `bucket` with this hash; -1 if there is none. */
  find(bucket: number, low: number, high: number): number {
    const words = this.#words;
    const base = bucket * WAYS * 4;
    for (let way = 0; way < WAYS; way++) {
      const at = base + 2 * way;
      if (words[at] === low && words[at + 1] === high) return bucket * WAYS + way;
    }
    return -1;
  }

  tat(slot: number): number {
    return this.#times[timeIndex(slot)] as number;
  }

  tier(slot: number): number {
    return this.#tiers === undefined ? 0 : (this.#tiers[slot] as number);
  }

  /** The lower half of the hash. */
  low(slot: number): number {
    return this.#words[wordIndex(slot)] as number;
  }

  /** The upper half of the hash. */
  high(slot: number): number {
    return this.#words[wordIndex(slot) + 1] as number;
  }

  /** Gives the slot to the key with this hash. */
  assign(slot: number, low: number, high: number): void {
    const at = wordIndex(slot);
    this.#words[at] = low;
    this.#words[at + 1] = high;
  }

  setTat(slot: number, tat: number, tier: number): void {
    this.#times[timeIndex(slot)] = tat;
    if (this.#tiers !== undefined) this.#tiers[slot] = tier;
  }

  /** The slot of `bucket` with the earliest time: a free one if there is one. */
  earliest(bucket: number): number {
    const first = bucket * WAYS;
    let earliest = first;
    for (let slot = first + 1; slot < first + WAYS; slot++) {
      if (this.tat(slot) < this.tat(earliest)) earliest = slot;
    }
    return earliest;
  }

  /** How many slots of `bucket` have a time that is not after `t`. */
  free(bucket: number, t: number): number {
    const first = bucket * WAYS;
    let free = 0;
    for (let slot = first; slot < first + WAYS; slot++) if (!(this.tat(slot) > t)) free++;
    return free;
  }
}

/** In a bucket of 64 words, two words a hash. */
function wordIndex(slot: number): number {
  return 4 * slot - 2 * (slot % WAYS);
}

/** In a bucket of 32 numbers, behind as many bytes of hashes. */
function timeIndex(slot: number): number {
  return 2 * slot - (slot % WAYS) + WAYS;
}
