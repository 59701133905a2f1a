import { checkNonNegative, checkOptions } from '@bp/core/kit';
import * as gcra from './gcra.ts';
import type { KeyTable } from './key-table.ts';
import type { Limit } from './limit.ts';

/** What survives a per-client limiter: plain data and typed arrays, fit for a structured clone. Holds the secret seed. */
export interface PerClientSnapshot {
  /** The secret seed of the hash. */
  readonly seed: readonly [number, number];
  /** The names of the tiers; the first is of those who have none. */
  readonly tierNames: readonly string[];
  /** The most, by tier, that a client who is not listed may have spent. */
  readonly unlisted: readonly number[];
  /** Two halves of a hash for every client that had spent something. */
  readonly hashes: Int32Array;
  /** The tier of each of them, as an index. */
  readonly tiers: Uint8Array;
  /** Tokens that each of them had spent and that had not come back. */
  readonly spent: Float64Array;
}

/** What `table` holds at `t`, but for the seed and the names. */
export function readTable(
  table: KeyTable,
  limits: readonly Limit[],
  t: number,
): Omit<PerClientSnapshot, 'seed' | 'tierNames'> {
  const count = table.count(t);
  const hashes = new Int32Array(count * 2);
  const tiers = new Uint8Array(count);
  const spent = new Float64Array(count);
  let i = 0;
  table.forEach(t, (low, high, tier, tat) => {
    hashes[2 * i] = low;
    hashes[2 * i + 1] = high;
    tiers[i] = tier;
    spent[i++] = gcra.spent(limits[tier] as Limit, tat, t);
  });
  const unlisted = limits.map((limit, tier) => gcra.spent(limit, table.highestAccount(tier), t));
  return { unlisted, hashes, tiers, spent };
}

/** Fills an empty `table` at `t` with what `snapshot` held `elapsedMs` before. `tierOf` finds a tier by its name. */
export function fillTable(
  table: KeyTable,
  limits: readonly Limit[],
  tierOf: (name: string) => number,
  { tierNames, unlisted, hashes, tiers, spent }: PerClientSnapshot,
  elapsedMs: number,
  t: number,
): void {
  const tierByIndex = tierNames.map(tierOf);
  const tatOf = (tier: number, tokens: number): number =>
    gcra.charge(limits[tier] as Limit, t, checkNonNegative('snapshot.spent', tokens), t) - elapsedMs;
  tierByIndex.forEach((tier, index) => {
    table.fillAccounts(tier, Math.max(tatOf(tier, unlisted[index] ?? 0), table.highestAccount(tier)));
  });
  // Out of order: keys that stood in one bucket, one after the other, would not spread as they did when they came.
  const span = 2 ** Math.ceil(Math.log2(Math.max(1, spent.length)));
  for (let j = 0; j < span; j++) {
    const i = Math.imul(j, 0x9e3779b1) & (span - 1);
    if (i >= spent.length) continue;
    const tier = tierByIndex[tiers[i] as number] ?? 0;
    table.readHash(hashes[2 * i] as number, hashes[2 * i + 1] as number, tier);
    table.write(tatOf(tier, spent[i] as number), tier, t);
  }
}

/** @throws TypeError if `snapshot` is none: half of one, or one that went through JSON, would set clients free. */
export function checkSnapshot(snapshot: PerClientSnapshot): PerClientSnapshot {
  const { seed, tierNames, unlisted, hashes, tiers, spent } = checkOptions(snapshot);
  const complete =
    Array.isArray(seed) &&
    seed.length === 2 &&
    seed.every(Number.isInteger) &&
    Array.isArray(tierNames) &&
    Array.isArray(unlisted) &&
    unlisted.length === tierNames.length &&
    hashes instanceof Int32Array &&
    tiers instanceof Uint8Array &&
    spent instanceof Float64Array &&
    hashes.length === 2 * spent.length &&
    tiers.length === spent.length;
  if (!complete)
    throw new TypeError('snapshot must be what snapshot() returned, or a structured clone of it');
  return snapshot;
}
