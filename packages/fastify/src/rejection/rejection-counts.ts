import type { GateName, RejectedCounts } from '../stats.ts';

/** Primitives counted by name; names may be made from data, so later ones share an entry. */
const MAX_NAMES = 100;
const OTHERS = 'others';

/** Counts rejections by gate and by the primitive that rejected. */
export class RejectionCounts {
  readonly #byGate: { -readonly [K in GateName]: RejectedCounts[K] } = {
    shutdown: 0,
    deadline: 0,
    rate_limit: 0,
    load: 0,
    cancelled: 0,
    handler: 0,
  };
  readonly #byName = new Map<string, number>();

  /** A copy of the counts by gate. */
  get byGate(): RejectedCounts {
    return { ...this.#byGate };
  }

  /** A copy of the counts by primitive. */
  get byName(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#byName);
  }

  add(gate: GateName, rejectedBy: string): void {
    this.#byGate[gate]++;
    const known = this.#byName.has(rejectedBy) || this.#byName.size < MAX_NAMES;
    const name = known ? rejectedBy : OTHERS;
    this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1);
  }
}
