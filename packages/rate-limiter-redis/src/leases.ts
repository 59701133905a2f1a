import { Lease } from './lease.ts';

/** How many of the oldest entries are looked at for one that can be forgotten when there is no room. */
const LOOKED_AT = 8;

/** The leases of this instance, at most `maxKeys`. */
export class Leases {
  readonly #maxKeys: number;
  readonly #byKey = new Map<string, Lease>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The lease of `key`, a new one if need be; undefined if there is no room and nothing that can be forgotten. */
  of(key: string, now: number): Lease | undefined {
    let lease = this.#byKey.get(key);
    if (lease !== undefined) return lease;
    if (this.#byKey.size >= this.#maxKeys && !this.#forgetOne(now)) return undefined;
    lease = new Lease(now);
    this.#byKey.set(key, lease);
    return lease;
  }

  clear(): void {
    this.#byKey.clear();
  }

  #forgetOne(now: number): boolean {
    let looked = 0;
    for (const [key, lease] of this.#byKey) {
      if (lease.isForgettable(now)) return this.#byKey.delete(key);
      // Behind the others, so that the next search starts with other entries.
      this.#byKey.delete(key);
      this.#byKey.set(key, lease);
      if (++looked >= LOOKED_AT) return false;
    }
    return false;
  }
}
