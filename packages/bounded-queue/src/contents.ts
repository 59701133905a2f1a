import {
  type AdmissionOptions,
  NO_ADMISSION_OPTIONS,
  RejectedError,
  type RejectionCode,
  refusalAtEntry,
  type Unsubscribe,
  watchAdmission,
} from '@bp/core';
import { DrainRate } from './drain-rate.ts';
import { Entry } from './entry.ts';
import type { ResolvedQueueOptions } from './options.ts';
import { RingBuffer } from './ring-buffer.ts';
import { Saturation } from './saturation.ts';
import type { Sojourn } from './sojourn.ts';
import type { Storage } from './storage.ts';

const NOBODY: readonly never[] = [];

/**
 * What a queue holds, and what becomes of it: each item leaves once, taken or dropped and told.
 *
 * Items of which nothing is known stand in a ring, which costs least. With the first of which something is, all become
 * entries of a storage that minds it, until that is empty.
 */
export class Contents<T> {
  readonly #options: ResolvedQueueOptions<T>;
  readonly #plain = new RingBuffer<T>();
  readonly #storage: Storage<T>;
  readonly #sojourn: Sojourn<T> | undefined;
  readonly #saturation: Saturation;
  readonly #drainRate: DrainRate;
  readonly #onLeft: () => void;
  /** So many items of which nothing is known may wait without anybody having to leave or to be told. */
  readonly #quietRoom: number;
  /** Whether even items of which nothing is known become entries. */
  readonly #mindsAll: boolean;
  #entries = 0;
  #entriesWeight = 0;
  taken = 0;
  dropped = 0;

  /** @param onLeft - called when one has left on its own account. */
  constructor(options: ResolvedQueueOptions<T>, storage: Storage<T>, onLeft: () => void) {
    const { maxWeight, highWater, lowWater, sojourn, clock } = options;
    this.#options = options;
    this.#storage = storage;
    this.#sojourn = sojourn;
    this.#saturation = new Saturation(highWater, lowWater);
    this.#drainRate = new DrainRate(clock);
    this.#onLeft = onLeft;
    this.#mindsAll = sojourn !== undefined || storage.displacesEquals;
    this.#quietRoom = this.#mindsAll ? 0 : Math.min(highWater - 1, Math.floor(maxWeight));
  }

  get size(): number {
    return this.#plain.length + this.#entries;
  }

  get weight(): number {
    return this.#plain.length + this.#entriesWeight;
  }

  get saturated(): boolean {
    return this.#saturation.reached;
  }

  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#saturation.onChange(listener);
  }

  /** Adds an item of which nothing is known, if that is all there is to do. */
  addPlain(item: T): boolean {
    if (this.#entries > 0 || this.#plain.length >= this.#quietRoom) return false;
    this.#plain.push(item);
    return true;
  }

  /** Adds an item, for which others may have to leave; false if there is no room for it. */
  add(item: T, ctx: AdmissionOptions): boolean {
    if (ctx === NO_ADMISSION_OPTIONS && this.#entries === 0 && !this.#mindsAll) {
      // Among those of whom nothing is known nobody leaves for another.
      if (this.#isFullFor(ctx)) return false;
      this.#plain.push(item);
      this.#rise();
      return true;
    }
    if (this.#isFullFor(ctx)) this.#shedStale();
    const victims = this.#victimsFor(ctx);
    if (victims === undefined) return false;
    this.#mindPlain();
    // Nobody is told before all is done: what is told may come back with more.
    for (const victim of victims) this.#remove(victim);
    const now = this.#sojourn === undefined ? Number.NaN : this.#options.clock.now();
    this.#enter(new Entry(item, ctx, now));
    for (const victim of victims) this.#tell(victim, this.#shed());
    return true;
  }

  /** Whether {@link Contents.add} would add it. */
  hasRoom(ctx: AdmissionOptions): boolean {
    return !this.#isFullFor(ctx) || this.#victimsFor(ctx) !== undefined;
  }

  /** Removes and returns the next item, undefined if there is none. */
  take(): T | undefined {
    return this.#plain.length > 0 ? this.#takePlain() : this.#serve(this.#next());
  }

  /** The same, but undefined and nothing removed if `wanted` is not true for the next item. */
  takeIf(wanted: (item: T) => boolean): T | undefined {
    if (this.#plain.length > 0) return wanted(this.#plain.peek() as T) ? this.#takePlain() : undefined;
    const next = this.#next();
    return next !== undefined && wanted(next.item) ? this.#serve(next) : undefined;
  }

  peek(): T | undefined {
    return this.#plain.length > 0 ? this.#plain.peek() : this.#next()?.item;
  }

  /** An item went from hand to hand, without waiting. */
  handedOver(): void {
    this.taken++;
  }

  /** Drops whoever makes room first, telling it `code`; false if there is nobody. */
  dropNext(code: RejectionCode): boolean {
    this.#mindPlain();
    const victim = this.#storage.victim();
    if (victim === undefined) return false;
    this.#drop(victim, new RejectedError(code, this.#options.name));
    return true;
  }

  /** Milliseconds in which all that comes before such a newcomer is taken at the rate measured, if one was. */
  drainMs(ctx: AdmissionOptions): number | undefined {
    const { size, weight } = this;
    return this.#drainRate.timeFor(weight === 0 ? 0 : (size * this.weightAhead(ctx)) / weight, this.taken);
  }

  /** The sum of the weights of the items that come out before such a newcomer. */
  weightAhead(ctx: AdmissionOptions): number {
    if (this.#entries === 0 && ctx === NO_ADMISSION_OPTIONS) return this.#plain.length;
    this.#mindPlain();
    return this.#storage.weightAhead(ctx);
  }

  #takePlain(): T {
    const item = this.#plain.shift() as T;
    this.taken++;
    if (this.#saturation.reached) this.#saturation.fall(this.#plain.length);
    return item;
  }

  /** Who comes out next, when whoever is over or has waited too long is gone. */
  #next(): Entry<T> | undefined {
    if (this.#entries === 0) return undefined;
    const { clock, name } = this.#options;
    if (this.#sojourn?.look(clock.now())) this.#drainRate.begin(this.taken);
    this.#shedStale();
    for (;;) {
      const next = this.#storage.next(this.#sojourn?.newestFirst ?? false);
      if (next === undefined || next.ctx === NO_ADMISSION_OPTIONS) return next;
      // Timers come late on a busy loop; what they have not told yet must still not be handed out.
      const over = refusalAtEntry(next.ctx, clock, name);
      if (over === undefined) return next;
      this.#drop(next, over);
    }
  }

  #serve(entry: Entry<T> | undefined): T | undefined {
    if (entry === undefined) return undefined;
    this.#storage.serve(entry);
    this.taken++;
    this.#leave(entry);
    return entry.item;
  }

  #drop(entry: Entry<T>, refusal: RejectedError): void {
    this.#remove(entry);
    this.#tell(entry, refusal);
  }

  #remove(entry: Entry<T>): void {
    this.#storage.remove(entry);
    this.dropped++;
    this.#leave(entry);
  }

  #tell({ item }: Entry<T>, refusal: RejectedError): void {
    this.#options.onDrop?.(item, refusal);
  }

  #shedStale(): void {
    const sojourn = this.#sojourn;
    if (sojourn === undefined) return;
    const now = this.#options.clock.now();
    for (let stale = sojourn.stale(now); stale !== undefined; stale = sojourn.stale(now)) {
      this.#drop(stale, this.#shed());
    }
  }

  #shed(): RejectedError {
    const retryAfterMs = this.#drainRate.timeFor(this.size, this.taken);
    return new RejectedError('SHED', this.#options.name, { retryAfterMs });
  }

  #isFullFor({ cost = 1 }: AdmissionOptions): boolean {
    return this.size >= this.#options.capacity || this.weight + cost > this.#options.maxWeight;
  }

  /** Who would have to leave for such a newcomer; undefined if there is no room for it. */
  #victimsFor(ctx: AdmissionOptions): readonly Entry<T>[] | undefined {
    if (!this.#isFullFor(ctx)) return NOBODY;
    // Among those of whom nothing is known nobody leaves for another.
    if (ctx === NO_ADMISSION_OPTIONS && this.#entries === 0 && !this.#mindsAll) return undefined;
    this.#mindPlain();
    const { capacity, maxWeight } = this.#options;
    const { cost = 1 } = ctx;
    return this.#storage.victimsFor(ctx, this.size + 1 - capacity, this.weight + cost - maxWeight);
  }

  #mindPlain(): void {
    for (let item = this.#plain.shift(); item !== undefined; item = this.#plain.shift()) {
      this.#store(new Entry(item));
    }
  }

  #enter(entry: Entry<T>): void {
    this.#store(entry);
    this.#sojourn?.enter(entry);
    this.#rise();
    const { clock, name } = this.#options;
    if (entry.ctx === NO_ADMISSION_OPTIONS) return;
    entry.stopWatching = watchAdmission(entry.ctx, clock, name, (refusal) => {
      this.#drop(entry, refusal);
      this.#onLeft();
    });
  }

  #store(entry: Entry<T>): void {
    this.#storage.add(entry);
    this.#entries++;
    this.#entriesWeight += entry.weight;
  }

  #leave(entry: Entry<T>): void {
    entry.stopWatching?.();
    this.#sojourn?.leave(entry);
    this.#entries--;
    // Sums of fractions drift; where nothing is nothing weighs.
    this.#entriesWeight = this.#entries === 0 ? 0 : this.#entriesWeight - entry.weight;
    this.#saturation.fall(this.#entries);
  }

  #rise(): void {
    if (this.#saturation.reached || this.size < this.#saturation.highWater) return;
    this.#drainRate.begin(this.taken);
    this.#saturation.rise();
  }
}
