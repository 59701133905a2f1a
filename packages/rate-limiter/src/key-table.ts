import { KeyHash } from './key-hash.ts';
import { Slots, WAYS } from './slots.ts';

// With a quarter more slots than keys, and four slots of a bucket kept for keys that have no better place, about one key
// in a million finds no slot in a table that is as full as it may be.
const SLOTS_PER_CLIENT = 1.25;
const KEPT_FREE = 4;

/**
 * What each key has spent, as a theoretical arrival time (see gcra.ts) and the tier it is counted in, in a table that
 * never grows.
 *
 * A key may stand in either of two buckets of slots. A slot whose time has come decides like no slot at all, so it is
 * free: forgetting loses nothing, and needs no sweeping and no timer.
 *
 * Every bucket has accounts besides, one for each tier: up to when the keys that stand nowhere in the table may have
 * spent; 0 as long as there is room. When none of its slots is free for a newcomer, the least indebted key there makes
 * room, and its account takes over what it had spent; if that is more than the newcomer comes to, the newcomer is
 * charged to its account instead. So nobody is ever taken to have spent less than it has, and who has spent the most
 * is the last to lose its slot.
 */
export class KeyTable {
  /** The tier in which the latest `read` was counted. */
  tier = 0;
  readonly #hash: KeyHash;
  readonly #tiers: number;
  readonly #buckets: number;
  readonly #slots: Slots;
  readonly #accounts: Float64Array;
  // The key of the latest read: where it stands (-1 for nowhere) and its hash.
  #slot = -1;
  #low = 0;
  #high = 0;

  constructor(maxKeys: number, tiers: number, seed0: number, seed1: number) {
    this.#hash = new KeyHash(seed0, seed1);
    this.#tiers = tiers;
    this.#buckets = Math.ceil((maxKeys * SLOTS_PER_CLIENT) / WAYS);
    this.#slots = new Slots(this.#buckets, tiers > 1);
    this.#accounts = new Float64Array(this.#buckets * tiers);
  }

  /** The lower half of the hash of the latest key. */
  get low(): number {
    return this.#low;
  }

  /** The upper half of the hash of the latest key. */
  get high(): number {
    return this.#high;
  }

  /** What the table takes, in bytes. */
  get bytes(): number {
    return this.#slots.bytes + this.#accounts.byteLength;
  }

  /** Up to when `key`, which belongs to `tier`, has spent, at most. The next `write` is about this key. */
  read(key: string, tier: number): number {
    this.#hash.hash(key);
    return this.readHash(this.#hash.low, this.#hash.high, tier);
  }

  /** The same for a key of which only the hash is known. */
  readHash(low: number, high: number, tier: number): number {
    this.#low = low;
    this.#high = high;
    const home = this.#bucketOf(low);
    this.#slot = this.#slots.find(home, low, high);
    if (this.#slot < 0) this.#slot = this.#slots.find(this.#bucketOf(high), low, high);
    if (this.#slot < 0) {
      this.tier = tier;
      return this.#accounts[home * this.#tiers + tier] as number;
    }
    this.tier = this.#slots.tier(this.#slot);
    return this.#slots.tat(this.#slot);
  }

  /** Records at `t` up to when the key of the latest `read` has spent, in `tier`. */
  write(tat: number, tier: number, t: number): void {
    if (this.#slot < 0) {
      if (!(tat > t)) return;
      this.#slot = this.#makeRoom(tat, tier, t);
      if (this.#slot < 0) return;
      this.#slots.assign(this.#slot, this.#low, this.#high);
    }
    this.#slots.setTat(this.#slot, tat, tier);
  }

  /** Calls `visit` for every key that at `t` has spent something. */
  forEach(t: number, visit: (low: number, high: number, tier: number, tat: number) => void): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const tat = slots.tat(slot);
      if (tat > t) visit(slots.low(slot), slots.high(slot), slots.tier(slot), tat);
    }
  }

  /** How many keys have spent something that has not come back at `t`. */
  count(t: number): number {
    const slots = this.#slots;
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) if (slots.tat(slot) > t) count++;
    return count;
  }

  /** Replaces by `convert` what the keys of `tier` have spent at `t`. */
  convert(tier: number, t: number, convert: (tat: number) => number): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const tat = slots.tat(slot);
      if (tat > t && slots.tier(slot) === tier) slots.setTat(slot, convert(tat), tier);
    }
    const accounts = this.#accounts;
    for (let i = tier; i < accounts.length; i += this.#tiers) {
      const tat = accounts[i] as number;
      if (tat > t) accounts[i] = convert(tat);
    }
  }

  /** Up to when a key of `tier` that stands nowhere may have spent, at most. */
  highestAccount(tier: number): number {
    let highest = 0;
    for (let i = tier; i < this.#accounts.length; i += this.#tiers) {
      highest = Math.max(highest, this.#accounts[i] as number);
    }
    return highest;
  }

  /** Takes every key of `tier` that stands nowhere to have spent up to `tat`. */
  fillAccounts(tier: number, tat: number): void {
    for (let i = tier; i < this.#accounts.length; i += this.#tiers) this.#accounts[i] = tat;
  }

  /** A slot for the latest key, which has spent up to `tat`; -1 if it was charged to its account instead. */
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
      this.#raiseAccount(home, tier, tat);
      return -1;
    }
    this.#raiseAccount(this.#bucketOf(slots.low(victim)), slots.tier(victim), owed);
    return victim;
  }

  #raiseAccount(bucket: number, tier: number, tat: number): void {
    const i = bucket * this.#tiers + tier;
    this.#accounts[i] = Math.max(this.#accounts[i] as number, tat);
  }

  #bucketOf(half: number): number {
    return Math.floor(((half >>> 0) * this.#buckets) / 2 ** 32);
  }
}
