import type { CallContext, RejectionCode } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import type { ContentsOptions } from '../options.ts';
import { Entry } from '../order/entry.ts';
import type { Order } from '../order/order.ts';
import { DrainRate } from './drain-rate.ts';
import { Entries, type EntriesOptions } from './entries.ts';
import { type QuietOperations, QuietRing } from './quiet-ring.ts';

/** What {@link Contents} report to the queue. */
export type ContentsListener<T> = Pick<EntriesOptions<T>, 'onDropped' | 'unwatchLater' | 'onEnded'>;

/**
 * The items of a queue. Bare items, those without a context, are in a ring, which costs least. The first operation that needs more
 * moves them into entries, until the queue is empty again: one of the two is always empty.
 *
 * A quiet operation changes only the ring: no waiter, listener or measurement is concerned. The queue says when operations may
 * be quiet, and how far follows from the options.
 */
export class Contents<T> {
  readonly #options: ContentsOptions;
  readonly #order: Order<T>;
  readonly #ring = new QuietRing<T>();
  readonly #entries: Entries<T>;
  readonly #drainRate: DrainRate;
  /** How many bare items fit. */
  readonly #bareCapacity: number;
  /** How many items went from the ring into the entries. */
  #moved = 0;

  constructor(options: ContentsOptions, order: Order<T>, listener: ContentsListener<T>) {
    this.#options = options;
    this.#order = order;
    this.#drainRate = new DrainRate(options.clock);
    this.#entries = new Entries({
      ...listener,
      queue: options,
      order,
      drainRate: this.#drainRate,
      onDropped: (item, rejection) => {
        this.#stopMeasuringIfRelieved();
        listener.onDropped(item, rejection);
      },
    });
    this.#bareCapacity = Math.min(options.capacity, Math.floor(options.weightBound));
  }

  get size(): number {
    return this.#ring.length + this.#entries.size;
  }

  get weight(): number {
    return this.#ring.length + this.#entries.weight;
  }

  get taken(): number {
    return this.#ring.shifted - this.#moved + this.#entries.taken;
  }

  get dropped(): number {
    return this.#entries.dropped;
  }

  /** The operations that need nothing but the ring, as far as they are allowed. */
  get quiet(): QuietOperations<T> {
    return this.#ring;
  }

  /** From now on no operation is quiet. */
  forbidQuiet(): void {
    this.#ring.forbidQuiet();
  }

  /** From now on operations on bare items are quiet, except when they fill the queue or change `saturated`. */
  allowQuiet(saturated: boolean): void {
    if (this.#entries.size > 0 || this.#options.sojourn !== undefined) return;
    const { highWater, lowWater } = this.#options;
    const { measuring } = this.#drainRate;
    const untilFull = measuring ? this.#bareCapacity : this.#bareCapacity - 1;
    const pushBelow = saturated ? untilFull : Math.min(untilFull, highWater - 1);
    const takeAbove = saturated ? lowWater + 1 : 0;
    this.#ring.allowQuiet(pushBelow, measuring ? undefined : takeAbove);
  }

  /** Adds an item, for which others may be evicted; false if there is no room for it. */
  tryAdd(item: T, ctx: CallContext): boolean {
    const added = this.#tryAdd(item, ctx);
    if (!added || this.#isFull) this.#drainRate.start();
    return added;
  }

  /** Whether {@link Contents.tryAdd} would add such an item. */
  hasRoom(ctx: CallContext): boolean {
    if (this.#staysBare(ctx)) return this.#ring.length < this.#bareCapacity;
    this.#leaveRing();
    return this.#entries.hasRoom(ctx);
  }

  /** Removes and returns the next item, undefined if there is none. */
  take(): T | undefined {
    const item = this.#ring.length > 0 ? this.#ring.shiftUsed() : this.#entries.take();
    if (item !== undefined) this.#onTaken();
    return item;
  }

  /** Removes and returns the next item if `wanted` is true for it; else removes nothing. */
  takeIf(wanted: (item: T) => boolean): T | undefined {
    const item = this.#ring.length > 0 ? this.#takeBareIf(wanted) : this.#entries.takeIf(wanted);
    if (item !== undefined) this.#onTaken();
    return item;
  }

  /** The next item, undefined if there is none. */
  peek(): T | undefined {
    return this.#ring.length > 0 ? this.#ring.peek() : this.#entries.next()?.item;
  }

  /** Drops everything with `code`. */
  clear(code: RejectionCode): void {
    this.#leaveRing();
    this.#entries.clear(code);
  }

  /** Drops all items of the lowest priority. */
  dropLowest(): void {
    this.#leaveRing();
    this.#entries.dropLowest();
  }

  /** The sum of the weights of the items that are taken before an item with this context. */
  weightAhead(ctx: CallContext): number {
    if (this.#staysBare(ctx)) return this.#ring.length;
    this.#leaveRing();
    return this.#entries.weightAhead(ctx);
  }

  /** Milliseconds until the items ahead of such an item are taken; undefined if unknown. */
  waitMs(ctx: CallContext): number | undefined {
    const { size, weight } = this;
    return this.#drainRate.waitMs(weight > 0 ? size * (this.weightAhead(ctx) / weight) : 0);
  }

  #tryAdd(item: T, ctx: CallContext): boolean {
    if (this.#staysBare(ctx)) {
      if (this.#ring.length >= this.#bareCapacity) return false;
      this.#ring.push(item);
      return true;
    }
    this.#leaveRing();
    return this.#entries.tryAdd(item, ctx);
  }

  get #isFull(): boolean {
    return this.size >= this.#options.capacity || this.weight + 1 > this.#options.weightBound;
  }

  /** Whether the ring serves an item with this context. */
  #staysBare(ctx: CallContext): boolean {
    if (ctx !== EMPTY_CONTEXT || this.#entries.size > 0 || this.#options.sojourn !== undefined) return false;
    return !this.#order.evictsEqual || this.#ring.length < this.#bareCapacity;
  }

  /** Moves all bare items into the entries. */
  #leaveRing(): void {
    this.forbidQuiet();
    for (let item = this.#ring.shift(); item !== undefined; item = this.#ring.shift()) {
      this.#moved++;
      this.#entries.add(new Entry(item));
    }
  }

  #takeBareIf(wanted: (item: T) => boolean): T | undefined {
    const item = this.#ring.peek() as T;
    // The callback may have changed the queue.
    return wanted(item) && this.#ring.peek() === item ? this.#ring.shiftUsed() : undefined;
  }

  #onTaken(): void {
    if (!this.#drainRate.measuring) return;
    this.#drainRate.record();
    this.#stopMeasuringIfRelieved();
  }

  /** Below half of both bounds takes no longer show how fast the consumer is: they may wait for items. */
  #stopMeasuringIfRelieved(): void {
    if (this.#entries.overloaded) return;
    const { capacity, maxWeight } = this.#options;
    if (2 * this.size <= capacity && this.weight <= maxWeight / 2) this.#drainRate.stop();
  }
}
