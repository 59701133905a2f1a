import { KeyHash } from './key-hash.ts';

// With sixteen slots to a bucket, four of which are kept for keys that have no better place, and a quarter more slots than
// keys, about one key in a million finds no slot in a table that is as full as it may be.
const WAYS = 16;
const KEPT_FREE = 4;
const SLOTS_PER_CLIENT = 1.25;

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
  // Of each bucket first the lower halves of its hashes, then the upper halves.
  readonly #hashes: Int32Array;
  readonly #tats: Float64Array;
  readonly #slotTiers: Uint8Array;
  readonly #accounts: Float64Array;
  // The key of the latest read: where it stands (-1 for nowhere) and its hash.
  #slot = -1;
  #low = 0;
  #high = 0;

  constructor(maxClients: number, tiers: number, seed0: number, seed1: number) {
    this.#hash = new KeyHash(seed0, seed1);
    this.#tiers = tiers;
    this.#buckets = Math.ceil((maxClients * SLOTS_PER_CLIENT) / WAYS);
    this.#hashes = new Int32Array(this.#buckets * WAYS * 2);
    this.#tats = new Float64Array(this.#buckets * WAYS);
    this.#slotTiers = new Uint8Array(this.#buckets * WAYS);
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
    const { byteLength } = this.#hashes;
    return byteLength + this.#tats.byteLength + this.#slotTiers.byteLength + this.#accounts.byteLength;
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
    this.#slot = this.#find(home, low, high);
    if (this.#slot < 0) this.#slot = this.#find(this.#bucketOf(high), low, high);
    if (this.#slot < 0) {
      this.tier = tier;
      return this.#accounts[home * this.#tiers + tier] as number;
    }
    this.tier = this.#slotTiers[this.#slot] as number;
    return this.#tats[this.#slot] as number;
  }

  /** Records at `t` up to when the key of the latest `read` has spent, in `tier`. */
  write(tat: number, tier: number, t: number): void {
    if (this.#slot < 0) {
      if (!(tat > t)) return;
      this.#slot = this.#makeRoom(tat, tier, t);
      if (this.#slot < 0) return;
      const at = this.#hashIndex(this.#slot);
      this.#hashes[at] = this.#low;
      this.#hashes[at + WAYS] = this.#high;
    }
    this.#tats[this.#slot] = tat;
    this.#slotTiers[this.#slot] = tier;
  }

  /** Calls `visit` for every key that at `t` has spent something. */
  forEach(t: number, visit: (low: number, high: number, tier: number, tat: number) => void): void {
    for (let slot = 0; slot < this.#tats.length; slot++) {
      const tat = this.#tats[slot] as number;
      if (!(tat > t)) continue;
      const at = this.#hashIndex(slot);
      const high = this.#hashes[at + WAYS] as number;
      visit(this.#hashes[at] as number, high, this.#slotTiers[slot] as number, tat);
    }
  }

  /** How many keys have spent something that has not come back at `t`. */
  count(t: number): number {
    const tats = this.#tats;
    let count = 0;
    for (let slot = 0; slot < tats.length; slot++) if ((tats[slot] as number) > t) count++;
    return count;
  }

  /** Replaces by `convert` what the keys of `tier` have spent at `t`. */
  convert(tier: number, t: number, convert: (tat: number) => number): void {
    const tats = this.#tats;
    for (let slot = 0; slot < tats.length; slot++) {
      const tat = tats[slot] as number;
      if (tat > t && this.#slotTiers[slot] === tier) tats[slot] = convert(tat);
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
    const home = this.#bucketOf(this.#low);
    const other = this.#bucketOf(this.#high);
    const atHome = this.#freeSlots(home, t);
    const roomier = atHome >= KEPT_FREE || atHome >= this.#freeSlots(other, t) ? home : other;
    const slot = this.#least(roomier);
    if (!((this.#tats[slot] as number) > t)) return slot;

    const elsewhere = this.#least(roomier === home ? other : home);
    const victim = (this.#tats[elsewhere] as number) < (this.#tats[slot] as number) ? elsewhere : slot;
    const owed = this.#tats[victim] as number;
    if (owed > tat) {
      this.#raiseAccount(home, tier, tat);
      return -1;
    }
    const victimHome = this.#bucketOf(this.#hashes[this.#hashIndex(victim)] as number);
    this.#raiseAccount(victimHome, this.#slotTiers[victim] as number, owed);
    return victim;
  }

  #raiseAccount(bucket: number, tier: number, tat: number): void {
    const i = bucket * this.#tiers + tier;
    this.#accounts[i] = Math.max(this.#accounts[i] as number, tat);
  }

  /** The slot of `bucket` whose key has spent the least: a free one if there is one. */
  #least(bucket: number): number {
    const end = (bucket + 1) * WAYS;
    let least = bucket * WAYS;
    for (let slot = least + 1; slot < end; slot++) {
      if ((this.#tats[slot] as number) < (this.#tats[least] as number)) least = slot;
    }
    return least;
  }

  #freeSlots(bucket: number, t: number): number {
    const end = (bucket + 1) * WAYS;
    let free = 0;
    for (let slot = bucket * WAYS; slot < end; slot++) if (!((this.#tats[slot] as number) > t)) free++;
    return free;
  }

  #find(bucket: number, low: number, high: number): number {
    const hashes = this.#hashes;
    const base = bucket * WAYS * 2;
    for (let i = base; i < base + WAYS; i++) {
      if (hashes[i] === low && hashes[i + WAYS] === high) return bucket * WAYS + (i - base);
    }
    return -1;
  }

  #bucketOf(half: number): number {
    return Math.floor(((half >>> 0) * this.#buckets) / 2 ** 32);
  }

  #hashIndex(slot: number): number {
    const way = slot % WAYS;
    return (slot - way) * 2 + way;
  }
}
