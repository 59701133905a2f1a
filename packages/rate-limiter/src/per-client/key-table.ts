import { KeyHash } from './key-hash.ts';
import { Slots, WAYS } from './slots.ts';

// With a quarter more slots than keys, and four slots of a bucket kept for keys whose other bucket is full, about one key in
// a million finds no slot in a full table.
const SLOTS_PER_KEY = 1.25;
const KEPT_FREE = 4;

/**
 * The debt of each key, as a theoretical arrival time (the time at which its bucket is full again) and the tier in which it
 * is counted, in a table that never grows. Times are milliseconds since an origin that `shift` moves.
 *
 * A key has a slot in one of two buckets. A slot whose time has passed decides like no slot at all, so it is free: forgetting
 * a key loses nothing, and needs no sweeping and no timer.
 *
 * Every bucket also has an overflow debt for each tier: the latest time up to which keys without a slot may have spent. When
 * a new key finds no free slot, the key with the least debt in both buckets is evicted, and the overflow debt of its bucket
 * rises to that debt. If even the least debt exceeds that of the new key, the new key gets no slot and its own debt goes into
 * the overflow debt. A key is therefore never taken to have spent less than it has, and the keys with the highest debts keep
 * their slots longest.
 */
export class KeyTable {
  /** The tier in which the latest `read` was counted. */
  tier = 0;
  readonly #hash: KeyHash;
  readonly #tiers: number;
  readonly #buckets: number;
  readonly #slots: Slots;
  readonly #overflow: Float64Array;
  // The key of the latest read: its slot (-1 for none) and its hash.
  #slot = -1;
  #low = 0;
  #high = 0;

  constructor(maxKeys: number, tiers: number, seed0: number, seed1: number) {
    this.#hash = new KeyHash(seed0, seed1);
    this.#tiers = tiers;
    this.#buckets = Math.ceil((maxKeys * SLOTS_PER_KEY) / WAYS);
    this.#slots = new Slots(this.#buckets, tiers > 1);
    this.#overflow = new Float64Array(this.#buckets * tiers);
  }

  /** The lower half of the hash of the latest key. */
  get low(): number {
    return this.#low;
  }

  /** The upper half of the hash of the latest key. */
  get high(): number {
    return this.#high;
  }

  /** The size of the table in bytes. */
  get bytes(): number {
    return this.#slots.bytes + this.#overflow.byteLength;
  }

  /** Returns the time up to which `key` of `tier` has spent, at most. The next `write` is about this key. */
  read(key: string, tier: number): number {
    this.#hash.hash(key);
    return this.readHash(this.#hash.low, this.#hash.high, tier);
  }

  /** Does the same for a key of which only the hash is known. */
  readHash(low: number, high: number, tier: number): number {
    this.#low = low;
    this.#high = high;
    const home = this.#bucketOf(low);
    this.#slot = this.#slots.find(home, low, high);
    if (this.#slot < 0) this.#slot = this.#slots.find(this.#bucketOf(high), low, high);
    if (this.#slot < 0) {
      this.tier = tier;
      return this.#overflow[home * this.#tiers + tier] as number;
    }
    this.tier = this.#slots.tier(this.#slot);
    return this.#slots.tat(this.#slot);
  }

  /** Records at `t` the time up to which the key of the latest `read` has spent, in `tier`. */
  write(tat: number, tier: number, t: number): void {
    if (this.#slot < 0) {
      if (!(tat > t)) return;
      this.#slot = this.#makeRoom(tat, tier, t);
      if (this.#slot < 0) return;
      this.#slots.assign(this.#slot, this.#low, this.#high);
    }
    this.#slots.setTat(this.#slot, tat, tier);
  }

  /** Calls `visit` for every key with a debt at `t`. */
  forEach(t: number, visit: (low: number, high: number, tier: number, tat: number) => void): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const tat = slots.tat(slot);
      if (tat > t) visit(slots.low(slot), slots.high(slot), slots.tier(slot), tat);
    }
  }

  /** Counts the keys with a debt at `t`. */
  count(t: number): number {
    const slots = this.#slots;
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) if (slots.tat(slot) > t) count++;
    return count;
  }

  /** Replaces the times of the keys of `tier` that have a debt at `t`. */
  convert(tier: number, t: number, convert: (tat: number) => number): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const tat = slots.tat(slot);
      if (tat > t && slots.tier(slot) === tier) slots.setTat(slot, convert(tat), tier);
    }
    const overflow = this.#overflow;
    for (let i = tier; i < overflow.length; i += this.#tiers) {
      const tat = overflow[i] as number;
      if (tat > t) overflow[i] = convert(tat);
    }
  }

  /** Moves the origin of all times forward by `ms`; times before it become 0. */
  shift(ms: number): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const tat = slots.tat(slot);
      if (tat > 0) slots.setTat(slot, Math.max(0, tat - ms), slots.tier(slot));
    }
    const overflow = this.#overflow;
    for (let i = 0; i < overflow.length; i++) overflow[i] = Math.max(0, (overflow[i] as number) - ms);
  }

  /** Returns the latest time up to which a key of `tier` without a slot may have spent. */
  highestOverflow(tier: number): number {
    let highest = 0;
    for (let i = tier; i < this.#overflow.length; i += this.#tiers) {
      highest = Math.max(highest, this.#overflow[i] as number);
    }
    return highest;
  }

  /** Sets the overflow debt of `tier` in every bucket. */
  fillOverflow(tier: number, tat: number): void {
    for (let i = tier; i < this.#overflow.length; i += this.#tiers) this.#overflow[i] = tat;
  }

  /** Returns a slot for the latest key, which has spent up to `tat`; -1 if its debt went into the overflow debt. */
  #makeRoom(tat: number, tier: number, t: number): number {
    const slots = this.#slots;
    const home = this.#bucketOf(this.#low);
    const other = this.#bucketOf(this.#high);
    const freeAtHome = slots.free(home, t);
    const roomier = freeAtHome >= KEPT_FREE || freeAtHome >= slots.free(other, t) ? home : other;
    const slot = slots.earliest(roomier);
    if (!(slots.tat(slot) > t)) return slot;

    const elsewhere = slots.earliest(roomier === home ? other : home);
    const victim = slots.tat(elsewhere) < slots.tat(slot) ? elsewhere : slot;
    const owed = slots.tat(victim);
    if (owed > tat) {
      this.#raiseOverflow(home, tier, tat);
      return -1;
    }
    this.#raiseOverflow(this.#bucketOf(slots.low(victim)), slots.tier(victim), owed);
    return victim;
  }

  #raiseOverflow(bucket: number, tier: number, tat: number): void {
    const i = bucket * this.#tiers + tier;
    this.#overflow[i] = Math.max(this.#overflow[i] as number, tat);
  }

  #bucketOf(half: number): number {
    return Math.floor(((half >>> 0) * this.#buckets) / 2 ** 32);
  }
}
