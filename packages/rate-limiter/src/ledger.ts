import { checkNonNegative, checkOptions } from '@bp/core';
import * as gcra from './gcra.ts';
import { KeyTable } from './key-table.ts';
import type { Limit } from './limit.ts';
import type { ResolvedPerClientOptions } from './per-client-options.ts';

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

/**
 * What every client has spent, and under which limit. `open` turns to a client, `settle` writes down what it has
 * spent; in between `limit` and `tat` are about that client.
 */
export class Ledger {
  limit: Limit;
  tat = 0;
  readonly #limits: Limit[];
  readonly #tierNames: readonly string[];
  readonly #tierIndex: ReadonlyMap<string, number>;
  readonly #tierOf: ((key: string) => string | undefined) | undefined;
  readonly #maxClients: number;
  #seed: readonly [number, number];
  #table: KeyTable;
  #tier = 0;

  constructor({ limits, tierNames, tierOf, maxClients, random }: ResolvedPerClientOptions) {
    this.#limits = [...limits];
    this.limit = limits[0] as Limit;
    this.#tierNames = tierNames;
    this.#tierIndex = new Map(tierNames.map((name, index) => [name, index]));
    this.#tierOf = tierOf;
    this.#maxClients = maxClients;
    this.#seed = [Math.floor(random() * 2 ** 32), Math.floor(random() * 2 ** 32)];
    this.#table = this.#emptyTable();
  }

  /** The hash of the client that is open: its lower half. */
  get low(): number {
    return this.#table.low;
  }

  /** The hash of the client that is open: its upper half. */
  get high(): number {
    return this.#table.high;
  }

  /** What the ledger takes, in bytes. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** Turns to the client `key` at `t`. */
  open(key: string, t: number): void {
    if (this.#tierOf !== undefined) this.#chooseTier(this.#tierOf(key));
    this.tat = this.#table.read(key, this.#tier);
    if (this.#table.tier !== this.#tier) {
      // It has changed its tier: what it spent stays spent.
      const old = this.#limits[this.#table.tier] as Limit;
      this.settle(gcra.transfer(old, this.limit, this.tat, t), t);
    }
  }

  /** Writes down at `t` up to when the client that is open has spent. */
  settle(tat: number, t: number): void {
    this.tat = tat;
    this.#table.write(tat, this.#tier, t);
  }

  /** How many clients have spent something that has not come back at `t`. Walks the table. */
  count(t: number): number {
    return this.#table.count(t);
  }

  /** The limit of those in `tierName`. @throws RangeError if there is no such tier. */
  limitOf(tierName: string): Limit {
    return this.#limits[this.#indexOf(tierName)] as Limit;
  }

  /** Gives those in `tierName` another limit from `t` on: what they spent stays spent. Walks the table. */
  changeLimit(tierName: string, limit: Limit, t: number): void {
    const tier = this.#indexOf(tierName);
    const old = this.#limits[tier] as Limit;
    this.#limits[tier] = limit;
    if (tier === this.#tier) this.limit = limit;
    this.#table.convert(tier, t, (tat) => gcra.transfer(old, limit, tat, t));
  }

  /** What to keep when the process ends at `t`. */
  snapshot(t: number): PerClientSnapshot {
    const count = this.count(t);
    const hashes = new Int32Array(count * 2);
    const tiers = new Uint8Array(count);
    const spent = new Float64Array(count);
    let i = 0;
    this.#table.forEach(t, ({ low, high, tier, tat }) => {
      hashes[2 * i] = low;
      hashes[2 * i + 1] = high;
      tiers[i] = tier;
      spent[i++] = gcra.spent(this.#limits[tier] as Limit, tat, t);
    });
    const unlisted = this.#limits.map((limit, tier) =>
      gcra.spent(limit, this.#table.highestAccount(tier), t),
    );
    return { seed: this.#seed, tierNames: this.#tierNames, unlisted, hashes, tiers, spent };
  }

  /** Replaces everything by `snapshot`, which was taken `elapsedMs` before `t`. */
  restore(snapshot: PerClientSnapshot, elapsedMs: number, t: number): void {
    const { seed, tierNames, unlisted, hashes, tiers, spent } = checkOptions(snapshot);
    this.#seed = seed;
    this.#table = this.#emptyTable();
    const tatOf = (tier: number, tokens: number): number => {
      const limit = this.#limits[tier] as Limit;
      return gcra.charge(limit, t, checkNonNegative('snapshot.spent', tokens), t) - elapsedMs;
    };
    tierNames.forEach((name, index) => {
      const tier = this.#tierIndex.get(name) ?? 0;
      const tat = Math.max(tatOf(tier, unlisted[index] ?? 0), this.#table.highestAccount(tier));
      this.#table.fillAccounts(tier, tat);
    });
    spent.forEach((tokens, i) => {
      const tier = this.#tierIndex.get(tierNames[tiers[i] ?? 0] ?? '') ?? 0;
      this.#table.readHash(hashes[2 * i] as number, hashes[2 * i + 1] as number, tier);
      this.#table.write(tatOf(tier, tokens), tier, t);
    });
  }

  #chooseTier(name: string | undefined): void {
    this.#tier = (name === undefined ? undefined : this.#tierIndex.get(name)) ?? 0;
    this.limit = this.#limits[this.#tier] as Limit;
  }

  #indexOf(tierName: string): number {
    const index = this.#tierIndex.get(tierName);
    if (index === undefined)
      throw new RangeError(`tier must be one of tiers, got ${JSON.stringify(tierName)}`);
    return index;
  }

  #emptyTable(): KeyTable {
    return new KeyTable(this.#maxClients, this.#limits.length, ...this.#seed);
  }
}
