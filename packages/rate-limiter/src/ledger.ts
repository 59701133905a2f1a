import * as gcra from './gcra.ts';
import { KeyTable } from './key-table.ts';
import type { Limit } from './limit.ts';
import type { ResolvedPerClientOptions } from './per-client-options.ts';
import { checkSnapshot, fillTable, type PerClientSnapshot, readTable } from './per-client-snapshot.ts';

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
  readonly #maxKeys: number;
  #seed: readonly [number, number];
  #table: KeyTable;
  #tier = 0;

  constructor({ limits, tierNames, tierOf, maxKeys, random }: ResolvedPerClientOptions) {
    this.#limits = [...limits];
    this.limit = limits[0] as Limit;
    this.#tierNames = tierNames;
    this.#tierIndex = new Map(tierNames.map((name, index) => [name, index]));
    this.#tierOf = tierOf;
    this.#maxKeys = maxKeys;
    this.#seed = [Math.floor(random() * 2 ** 32), Math.floor(random() * 2 ** 32)];
    this.#table = this.#emptyTable(this.#seed);
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
    return { seed: this.#seed, tierNames: this.#tierNames, ...readTable(this.#table, this.#limits, t) };
  }

  /** Replaces everything by `snapshot`, which was taken `elapsedMs` before `t`. */
  restore(snapshot: PerClientSnapshot, elapsedMs: number, t: number): void {
    const { seed } = checkSnapshot(snapshot);
    const table = this.#emptyTable(seed);
    fillTable(table, this.#limits, (name) => this.#tierIndex.get(name) ?? 0, snapshot, elapsedMs, t);
    this.#seed = seed;
    this.#table = table;
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

  #emptyTable(seed: readonly [number, number]): KeyTable {
    return new KeyTable(this.#maxKeys, this.#limits.length, ...seed);
  }
}
