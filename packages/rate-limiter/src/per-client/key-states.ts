import { DebtState } from '../gcra/debt-state.ts';
import * as gcra from '../gcra/gcra.ts';
import type { Limit } from '../gcra/limit.ts';
import { Blocks } from './blocks.ts';
import { KeyTable } from './key-table.ts';
import type { ResolvedPerClientOptions } from './options.ts';
import { checkSnapshot, type PerClientSnapshot, readBlocks, readTable, restoreTable } from './snapshot.ts';
import { TableTime } from './table-time.ts';

/**
 * The state of every key. `open` selects a key; `limit`, `debtMs` and `waitMs` are then about this key, and `store` stores
 * its new debt.
 */
export class KeyStates extends DebtState {
  limit: Limit;
  /** The debt of the open key at the time of `open`. */
  debtMs = 0;
  readonly #limits: Limit[];
  /** The highest burst that each tier has ever had. */
  readonly #highestBursts: number[];
  readonly #tierNames: readonly string[];
  readonly #tierIndex: ReadonlyMap<string, number>;
  readonly #tierOf: ((key: string) => string | undefined) | undefined;
  readonly #maxKeys: number;
  readonly #time: TableTime;
  #seed: readonly [number, number];
  #table: KeyTable;
  #blocks: Blocks;
  #tier = 0;
  /** The present, in milliseconds since the origin of the table. */
  #t = 0;
  /** The same as a clock time. */
  #openedAt = 0;

  constructor({ limits, tierNames, tierOf, maxKeys, clock, random }: ResolvedPerClientOptions) {
    super();
    this.#limits = [...limits];
    this.#highestBursts = limits.map(({ burst }) => burst);
    this.limit = limits[0] as Limit;
    this.#tierNames = tierNames;
    this.#tierIndex = new Map(tierNames.map((name, index) => [name, index]));
    this.#tierOf = tierOf;
    this.#maxKeys = maxKeys;
    this.#time = new TableTime(clock, (ms) => this.#table.shift(ms));
    this.#seed = [Math.floor(random() * 2 ** 32), Math.floor(random() * 2 ** 32)];
    this.#table = this.#emptyTable(this.#seed);
    this.#blocks = new Blocks(maxKeys);
  }

  /** The lower half of the hash of the open key. */
  get low(): number {
    return this.#table.low;
  }

  /** The upper half of the hash of the open key. */
  get high(): number {
    return this.#table.high;
  }

  /** The highest cost that was ever possible for the open key. */
  get highestBurst(): number {
    return this.#highestBursts[this.#tier] as number;
  }

  /** The size of the table in bytes. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** Selects `key` at the clock time `now`. */
  open(key: string, now: number): void {
    // First: the function may use the limiter.
    if (this.#tierOf !== undefined) this.#chooseTier(this.#tierOf(key));
    this.#t = this.#time.of(now);
    this.#openedAt = this.#time.atLeastOrigin(now);
    this.debtMs = Math.max(0, this.#table.read(key, this.#tier) - this.#t);
    this.blockedUntil =
      this.#blocks.size === 0 ? Number.NEGATIVE_INFINITY : this.#blocks.until(this.low, this.high);
    if (this.#table.tier !== this.#tier) {
      // The key has changed its tier: its spent tokens stay spent.
      const old = this.#limits[this.#table.tier] as Limit;
      this.store(gcra.transferDebt(old, this.limit, this.debtMs));
    }
  }

  /** Whether the open key may take `cost` at the clock time of `open`. */
  admits(cost: number, now: number): boolean {
    if (this.isBlocked(now)) return false;
    return gcra.isPossible(this.limit, cost) && gcra.admits(this.limit, this.debtMs, cost);
  }

  /** Stores the debt of the open key. */
  store(debtMs: number): void {
    this.debtMs = debtMs;
    this.#table.write(this.#t + debtMs, this.#tier, this.#t);
  }

  /** Blocks the open key until a clock time. */
  block(until: number, now: number): void {
    this.#blocks.add(this.low, this.high, until, now);
  }

  /** Ends the block of the open key. */
  unblock(): void {
    this.#blocks.delete(this.low, this.high);
  }

  /** Counts the keys that have a debt at `now`. Walks the table. */
  count(now: number): number {
    return this.#table.count(this.#time.of(now));
  }

  /** Returns the limit of a tier. @throws RangeError for an unknown name. */
  limitOf(tierName: string): Limit {
    return this.#limits[this.#indexOf(tierName)] as Limit;
  }

  /** Changes the limit of a tier: spent tokens stay spent. Walks the table. */
  changeLimit(tierName: string, limit: Limit, now: number): void {
    const tier = this.#indexOf(tierName);
    const old = this.#limits[tier] as Limit;
    const t = this.#time.of(now);
    this.#limits[tier] = limit;
    this.#highestBursts[tier] = Math.max(this.#highestBursts[tier] as number, limit.burst);
    if (tier === this.#tier) this.limit = limit;
    this.#table.convert(tier, t, (tat) => t + gcra.transferDebt(old, limit, tat - t));
  }

  /** Returns the state of all keys. */
  snapshot(now: number): PerClientSnapshot {
    return {
      seed: this.#seed,
      tierNames: this.#tierNames,
      ...readTable(this.#table, this.#limits, this.#time.of(now)),
      ...readBlocks(this.#blocks, now),
    };
  }

  /** Replaces the state of all keys by `snapshot`, which is `elapsedMs` old. */
  restore(snapshot: PerClientSnapshot, elapsedMs: number, now: number): void {
    const { seed, blockedHashes, blockedForMs } = checkSnapshot(snapshot);
    const table = this.#emptyTable(seed);
    const t = this.#time.of(now);
    const tierOf = (name: string): number => this.#tierIndex.get(name) ?? 0;
    restoreTable(table, this.#limits, tierOf, snapshot, elapsedMs, t);
    const blocks = new Blocks(this.#maxKeys);
    blockedForMs.forEach((ms, i) => {
      const until = now + ms - elapsedMs;
      if (until > now)
        blocks.add(blockedHashes[2 * i] as number, blockedHashes[2 * i + 1] as number, until, now);
    });
    this.#seed = seed;
    this.#table = table;
    this.#blocks = blocks;
  }

  protected override get knownSince(): number {
    return this.#openedAt;
  }

  protected override debtAt(now: number): number {
    return Math.max(0, this.#t + this.debtMs - this.#time.ofFuture(now));
  }

  #chooseTier(name: string | undefined): void {
    this.#tier = (name === undefined ? undefined : this.#tierIndex.get(name)) ?? 0;
    this.limit = this.#limits[this.#tier] as Limit;
  }

  #indexOf(tierName: string): number {
    const index = this.#tierIndex.get(tierName);
    if (index === undefined) {
      throw new RangeError(`tier must be one of tiers, got ${JSON.stringify(tierName)}`);
    }
    return index;
  }

  #emptyTable(seed: readonly [number, number]): KeyTable {
    return new KeyTable(this.#maxKeys, this.#limits.length, ...seed);
  }
}
