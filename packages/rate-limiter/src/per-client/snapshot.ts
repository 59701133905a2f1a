import { checkNonNegative, checkOptions, optionNames } from '@bp/core/kit';
import * as gcra from '../gcra/gcra.ts';
import type { Limit } from '../gcra/limit.ts';
import type { Blocks } from './blocks.ts';
import type { KeyTable } from './key-table.ts';

/** The state of a per-client limiter: plain data and typed arrays, fit for a structured clone. Contains the secret seed. */
export interface PerClientSnapshot {
  /** The secret seed of the hash. */
  readonly seed: readonly [number, number];
  /** The names of the tiers; the first one is for clients without a tier. */
  readonly tierNames: readonly string[];
  /** The overflow debt of each tier, in tokens: the most that a client without an entry may have spent. */
  readonly unlisted: readonly number[];
  /** Two halves of a hash for every client with a debt. */
  readonly hashes: Int32Array;
  /** The tier of each of these clients, as an index. */
  readonly tiers: Uint8Array;
  /** Tokens that each of these clients had spent and that had not come back. */
  readonly spent: Float64Array;
  /** Two halves of a hash for every blocked client. */
  readonly blockedHashes: Int32Array;
  /** Milliseconds of its block that were left. */
  readonly blockedForMs: Float64Array;
}

const FIELDS = /* @__PURE__ */ optionNames<PerClientSnapshot>({
  seed: true,
  tierNames: true,
  unlisted: true,
  hashes: true,
  tiers: true,
  spent: true,
  blockedHashes: true,
  blockedForMs: true,
});

/** Reads the debts in `table` at `t`. */
export function readTable(
  table: KeyTable,
  limits: readonly Limit[],
  t: number,
): Pick<PerClientSnapshot, 'unlisted' | 'hashes' | 'tiers' | 'spent'> {
  const count = table.count(t);
  const hashes = new Int32Array(count * 2);
  const tiers = new Uint8Array(count);
  const spent = new Float64Array(count);
  let i = 0;
  table.forEach(t, (low, high, tier, tat) => {
    hashes[2 * i] = low;
    hashes[2 * i + 1] = high;
    tiers[i] = tier;
    spent[i++] = gcra.spentTokens(limits[tier] as Limit, tat - t);
  });
  const unlisted = limits.map((limit, tier) =>
    gcra.spentTokens(limit, Math.max(0, table.highestOverflow(tier) - t)),
  );
  return { unlisted, hashes, tiers, spent };
}

/** Reads the blocks that have not ended at the clock time `now`. */
export function readBlocks(
  blocks: Blocks,
  now: number,
): Pick<PerClientSnapshot, 'blockedHashes' | 'blockedForMs'> {
  const hashes: number[] = [];
  const forMs: number[] = [];
  blocks.forEach((low, high, until) => {
    if (!(until > now)) return;
    hashes.push(low, high);
    forMs.push(until - now);
  });
  return { blockedHashes: Int32Array.from(hashes), blockedForMs: Float64Array.from(forMs) };
}

/** Fills an empty `table` at `t` with the debts of a snapshot that is `elapsedMs` old. `tierOf` finds a tier by its name. */
export function restoreTable(
  table: KeyTable,
  limits: readonly Limit[],
  tierOf: (name: string) => number,
  { tierNames, unlisted, hashes, tiers, spent }: PerClientSnapshot,
  elapsedMs: number,
  t: number,
): void {
  const tierByIndex = tierNames.map(tierOf);
  const tatOf = (tier: number, tokens: number): number =>
    t + gcra.charge(limits[tier] as Limit, 0, checkNonNegative('snapshot.spent', tokens)) - elapsedMs;
  tierByIndex.forEach((tier, index) => {
    table.fillOverflow(tier, Math.max(tatOf(tier, unlisted[index] ?? 0), table.highestOverflow(tier)));
  });
  // Out of order: keys of one bucket, written one after the other, would not spread as they did when they came.
  const span = 2 ** Math.ceil(Math.log2(Math.max(1, spent.length)));
  for (let j = 0; j < span; j++) {
    const i = Math.imul(j, 0x9e3779b1) & (span - 1);
    if (i >= spent.length) continue;
    const tier = tierByIndex[tiers[i] as number] ?? 0;
    table.readHash(hashes[2 * i] as number, hashes[2 * i + 1] as number, tier);
    table.write(tatOf(tier, spent[i] as number), tier, t);
  }
}

/**
 * Returns `snapshot` if it is one.
 * @throws TypeError or RangeError: half of one, or one that went through JSON, would set clients free.
 */
export function checkSnapshot(snapshot: PerClientSnapshot): PerClientSnapshot {
  const { seed, tierNames, unlisted, hashes, tiers, spent, blockedHashes, blockedForMs } = checkOptions(
    snapshot,
    FIELDS,
    'snapshot',
  );
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
    tiers.length === spent.length &&
    blockedHashes instanceof Int32Array &&
    blockedForMs instanceof Float64Array &&
    blockedHashes.length === 2 * blockedForMs.length &&
    !blockedForMs.some(Number.isNaN);
  if (!complete) {
    throw new TypeError('snapshot must be what snapshot() returned, or a structured clone of it');
  }
  return snapshot;
}
