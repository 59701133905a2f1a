import { KeyHash } from './key-hash.ts';

const WAYS = 8;
const SLOTS_PER_CLIENT = 1.25;

/**
 * What each key has spent, as theoretical arrival times (see gcra.ts), in a table that never grows.
 *
 * A key may stand in two buckets of eight slots; it goes where more are free. A slot whose time has come decides like no
 * slot at all, so it is free: forgetting costs nothing and loses nothing, and there is no sweeping and no timer.
 *
 * Every bucket has an account besides, the time up to which keys that are not in the table are held to have spent: 0
 * while there is room. When none of a newcomer's slots is free, the least indebted key there makes room, and
 * the account of its own bucket takes over what it had spent; if that is more than the newcomer would have spent, the
 * newcomer is charged to its account instead and gets no slot. So nobody is ever held to have spent less than it
 * has, and who has spent the most is the last to lose its slot.
 */
export class KeyTable {
  readonly #hash: KeyHash;
  readonly #buckets: number;
  // Of each bucket the lower halves of its hashes, then the upper ones.
  readonly #hashes: Int32Array;
  readonly #tats: Float64Array;
  readonly #accounts: Float64Array;
  // Where the latest read() found its key; -1 if it did not.
  #slot = -1;

  constructor(maxClients: number, seed0: number, seed1: number) {
    this.#hash = new KeyHash(seed0, seed1);
    this.#buckets = Math.ceil((maxClients * SLOTS_PER_CLIENT) / WAYS);
    this.#hashes = new Int32Array(this.#buckets * WAYS * 2);
    this.#tats = new Float64Array(this.#buckets * WAYS);
    this.#accounts = new Float64Array(this.#buckets);
  }

  /** Up to when `key` has spent, at most. The next `write` is about this key. */
  read(key: string): number {
    const hash = this.#hash;
    hash.hash(key);
    const { low, high } = hash;
    const home = this.#bucketOf(low);
    this.#slot = this.#find(home, low, high);
    if (this.#slot < 0) this.#slot = this.#find(this.#bucketOf(high), low, high);
    return (this.#slot < 0 ? this.#accounts[home] : this.#tats[this.#slot]) as number;
  }

  /** Records at `t` up to when the key of the latest `read` has spent. */
  write(tat: number, t: number): void {
    if (this.#slot >= 0) {
      this.#tats[this.#slot] = tat;
    } else if (tat > t) {
      this.#insert(tat, t);
    }
  }

  /** How many keys have spent something that has not come back at `t`. Walks the whole table. */
  count(t: number): number {
    let count = 0;
    for (const tat of this.#tats) if (tat > t) count++;
    return count;
  }

  #bucketOf(half: number): number {
    return Math.floor(((half >>> 0) * this.#buckets) / 2 ** 32);
  }

  #find(bucket: number, low: number, high: number): number {
    const hashes = this.#hashes;
    const base = bucket * WAYS * 2;
    for (let i = base; i < base + WAYS; i++) {
      if (hashes[i] === low && hashes[i + WAYS] === high) return bucket * WAYS + (i - base);
    }
    return -1;
  }

  #insert(tat: number, t: number): void {
    const { low, high } = this.#hash;
    const home = this.#bucketOf(low);
    const other = this.#bucketOf(high);
    const bucket = this.#free(home, t) >= this.#free(other, t) ? home : other;
    let slot = this.#least(bucket);
    if ((this.#tats[slot] as number) > t) {
      const elsewhere = this.#least(bucket === home ? other : home);
      if ((this.#tats[elsewhere] as number) < (this.#tats[slot] as number)) slot = elsewhere;
      const owed = this.#tats[slot] as number;
      if (owed > tat) {
        this.#raiseAccount(low, tat);
        return;
      }
      this.#raiseAccount(this.#hashes[this.#hashIndex(slot)] as number, owed);
    }
    this.#slot = slot;
    this.#tats[slot] = tat;
    this.#hashes[this.#hashIndex(slot)] = low;
    this.#hashes[this.#hashIndex(slot) + WAYS] = high;
  }

  #raiseAccount(low: number, tat: number): void {
    const bucket = this.#bucketOf(low);
    if (tat > (this.#accounts[bucket] as number)) this.#accounts[bucket] = tat;
  }

  #hashIndex(slot: number): number {
    const way = slot % WAYS;
    return (slot - way) * 2 + way;
  }

  /** How many slots of `bucket` are free at `t`. */
  #free(bucket: number, t: number): number {
    let free = 0;
    for (let slot = bucket * WAYS; slot < (bucket + 1) * WAYS; slot++) {
      if ((this.#tats[slot] as number) <= t) free++;
    }
    return free;
  }

  /** The slot of `bucket` that is the least indebted: a free one if there is one. */
  #least(bucket: number): number {
    let least = bucket * WAYS;
    for (let slot = least + 1; slot < (bucket + 1) * WAYS; slot++) {
      if ((this.#tats[slot] as number) < (this.#tats[least] as number)) least = slot;
    }
    return least;
  }
}
