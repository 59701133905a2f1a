import { type CallContext, RejectedError, type RejectionCode } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry, watchContext } from '@bp/core/kit';
import { DrainRate } from './drain-rate.ts';
import { Entry } from './entry.ts';
import type { News } from './news.ts';
import type { ResolvedQueueOptions } from './options.ts';
import type { PlainItems } from './plain-items.ts';
import type { Sojourn } from './sojourn.ts';
import type { Storage } from './storage.ts';

const NOBODY: readonly never[] = [];

/** Sums of fractions such as ten times 0.1 miss the whole by less than this share. */
const ROUNDING = 1e-9;

/**
 * What a queue holds: each item leaves once, taken or dropped. It tells nobody: that is for the news.
 *
 * Items of which nothing is known stand in a ring, which costs least. With the first of which something is, all become
 * entries of a storage that minds it, until that is empty.
 */
export class Contents<T> {
  readonly #options: ResolvedQueueOptions<T>;
  readonly #plain: PlainItems<T>;
  readonly #storage: Storage<T>;
  readonly #sojourn: Sojourn<T> | undefined;
  readonly #news: News<T>;
  readonly #drainRate: DrainRate;
  readonly #onLeft: () => void;
  readonly #mostWeight: number;
  /** Whether even items of which nothing is known become entries. */
  readonly #mindsAll: boolean;
  /** So many items may wait if nothing is known of any. */
  readonly #plainRoom: number;
  #entries = 0;
  #entriesWeight = 0;
  /** Taken but not from the ring, less those that went from the ring into the storage. */
  #takenBesides = 0;
  dropped = 0;

  /** @param onLeft - called when one has left on its own account. */
  constructor(
    options: ResolvedQueueOptions<T>,
    plain: PlainItems<T>,
    storage: Storage<T>,
    news: News<T>,
    onLeft: () => void,
  ) {
    const { capacity, maxWeight, sojourn, clock } = options;
    this.#options = options;
    this.#plain = plain;
    this.#storage = storage;
    this.#sojourn = sojourn;
    this.#news = news;
    this.#drainRate = new DrainRate(clock);
    this.#onLeft = onLeft;
    this.#mostWeight = maxWeight * (1 + ROUNDING);
    this.#mindsAll = sojourn !== undefined || storage.displacesEquals;
    this.#plainRoom = Math.min(capacity, Math.floor(maxWeight));
  }

  get size(): number {
    return this.#plain.length + this.#entries;
  }

  get weight(): number {
    return this.#plain.length + this.#entriesWeight;
  }

  get taken(): number {
    return this.#plain.shifted + this.#takenBesides;
  }

  /** Lets plain items come and go unheard, as far as nobody has to leave or to be told. */
  openBand(): void {
    if (this.#mindsAll || this.#entries > 0) return;
    const { highWater, lowWater, saturated } = this.#news;
    if (saturated) this.#plain.openBand(lowWater + 1, this.#plainRoom);
    else this.#plain.openBand(0, Math.min(highWater - 1, this.#plainRoom));
  }

  /** Adds an item, for which others may have to leave; false if there is no room for it. */
  add(item: T, ctx: CallContext): boolean {
    if (this.#isFullFor(ctx)) this.#shedStale();
    const victims = this.#victimsFor(ctx);
    if (victims === undefined) return false;
    for (const victim of victims) this.#drop(victim, this.#shed());
    if (this.#isPlain(ctx)) this.#plain.push(item);
    else this.#enter(item, ctx);
    if (!this.#news.saturated && this.size >= this.#news.highWater) this.#drainRate.begin(this.taken);
    return true;
  }

  /** Whether {@link Contents.add} would add it. */
  hasRoom(ctx: CallContext): boolean {
    if (!this.#isFullFor(ctx) || this.#victimsFor(ctx) !== undefined) return true;
    return this.#sojourn?.stale(this.#options.clock.now()) !== undefined;
  }

  /** Removes and returns the next item, undefined if there is none. */
  take(): T | undefined {
    return this.#plain.length > 0 ? this.#plain.shiftUsed() : this.#serve(this.#next());
  }

  /** The same, but undefined and nothing removed if `wanted` is not true for the next item. */
  takeIf(wanted: (item: T) => boolean): T | undefined {
    if (this.#plain.length > 0) {
      const item = this.#plain.peek() as T;
      return wanted(item) && this.#plain.peek() === item ? this.#plain.shiftUsed() : undefined;
    }
    const next = this.#next();
    return next !== undefined && wanted(next.item) && next.queued ? this.#serve(next) : undefined;
  }

  peek(): T | undefined {
    return this.#plain.length > 0 ? this.#plain.peek() : this.#next()?.item;
  }

  /** An item went from hand to hand, without waiting. */
  handedOver(): void {
    this.#takenBesides++;
  }

  /** Drops everything, each told `code`. */
  clear(code: RejectionCode): void {
    this.#dropWhile(
      () => true,
      () => new RejectedError(code, this.#options.name),
    );
  }

  /** Drops everything of the least priority there is. */
  dropLowest(): void {
    this.#mindPlain();
    const lowest = this.#storage.victim()?.priority;
    this.#dropWhile(
      ({ priority }) => priority === lowest,
      () => this.#shed(),
    );
  }

  /** Milliseconds in which all that comes before such a newcomer is taken at the rate measured, if one was. */
  drainMs(ctx: CallContext): number | undefined {
    const { size, weight } = this;
    return this.#drainRate.timeFor(weight === 0 ? 0 : (size * this.weightAhead(ctx)) / weight, this.taken);
  }

  /** The sum of the weights of the items that come out before such a newcomer. */
  weightAhead(ctx: CallContext): number {
    if (this.#isPlain(ctx)) return this.#plain.length;
    this.#mindPlain();
    return this.#storage.weightAhead(ctx, this.#newestFirst);
  }

  get #newestFirst(): boolean {
    return this.#sojourn?.newestFirst ?? false;
  }

  /** Whether nothing is known of such a newcomer, nor of anybody who waits: then nobody leaves for another. */
  #isPlain(ctx: CallContext): boolean {
    return ctx === EMPTY_CONTEXT && this.#entries === 0 && !this.#mindsAll;
  }

  /** Who comes out next, when whoever is over or has waited too long is gone. */
  #next(): Entry<T> | undefined {
    if (this.#entries === 0) return undefined;
    const { clock, name } = this.#options;
    if (this.#sojourn?.look(clock.now())) this.#drainRate.begin(this.taken);
    this.#shedStale();
    for (;;) {
      const next = this.#storage.next(this.#newestFirst);
      if (next === undefined || next.ctx === EMPTY_CONTEXT) return next;
      // Timers come late on a busy loop; what they have not told yet must still not be handed out.
      const over = rejectionAtEntry(next.ctx, clock, name);
      if (over === undefined) return next;
      this.#drop(next, over);
    }
  }

  #serve(entry: Entry<T> | undefined): T | undefined {
    if (entry === undefined) return undefined;
    this.#storage.serve(entry);
    this.#takenBesides++;
    this.#leave(entry);
    return entry.item;
  }

  #drop(entry: Entry<T>, rejection: RejectedError): void {
    this.#storage.remove(entry);
    this.dropped++;
    this.#leave(entry);
    this.#news.dropped(entry.item, rejection);
  }

  /** Drops whoever makes room first, again and again. */
  #dropWhile(holds: (victim: Entry<T>) => boolean, rejection: () => RejectedError): void {
    this.#mindPlain();
    for (let victim = this.#storage.victim(); victim && holds(victim); victim = this.#storage.victim()) {
      this.#drop(victim, rejection());
    }
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

  #isFullFor({ cost = 1 }: CallContext): boolean {
    return this.size >= this.#options.capacity || this.weight + cost > this.#mostWeight;
  }

  /** Who would have to leave for such a newcomer; undefined if there is no room for it. */
  #victimsFor(ctx: CallContext): readonly Entry<T>[] | undefined {
    if (!this.#isFullFor(ctx)) return NOBODY;
    if (this.#isPlain(ctx)) return undefined;
    this.#mindPlain();
    const { cost = 1 } = ctx;
    const items = this.size + 1 - this.#options.capacity;
    return this.#storage.victimsFor(ctx, items, this.weight + cost - this.#mostWeight);
  }

  #mindPlain(): void {
    for (let item = this.#plain.shift(); item !== undefined; item = this.#plain.shift()) {
      this.#takenBesides--;
      this.#store(new Entry(item));
    }
  }

  #enter(item: T, ctx: CallContext): void {
    this.#mindPlain();
    const { clock, name } = this.#options;
    const entry = new Entry(item, ctx, this.#sojourn === undefined ? Number.NaN : clock.now());
    this.#store(entry);
    this.#sojourn?.enter(entry);
    if (ctx === EMPTY_CONTEXT) return;
    entry.stopWatching = watchContext(ctx, clock, name, (rejection) => {
      this.#drop(entry, rejection);
      this.#onLeft();
    });
  }

  #store(entry: Entry<T>): void {
    this.#plain.shutBand();
    this.#storage.add(entry);
    this.#entries++;
    this.#entriesWeight += entry.weight;
  }

  #leave(entry: Entry<T>): void {
    entry.queued = false;
    entry.stopWatching?.();
    this.#sojourn?.leave();
    this.#entries--;
    // Sums of fractions drift; where nothing is nothing weighs.
    this.#entriesWeight = this.#entries === 0 ? 0 : this.#entriesWeight - entry.weight;
  }
}
