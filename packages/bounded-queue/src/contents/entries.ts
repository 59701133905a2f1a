import { type CallContext, type Clock, RejectedError, type RejectionCode, type Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT, isOver, neverThrowing, rejectionAtEntry, watchContext } from '@bp/core/kit';
import type { ContentsOptions } from '../options.ts';
import { Entry } from '../order/entry.ts';
import type { Order } from '../order/order.ts';
import { WeightSum } from '../order/weight-sum.ts';
import type { DrainRate } from './drain-rate.ts';
import { Sojourn } from './sojourn.ts';

/** What {@link Entries} report to the queue. */
export interface EntriesOptions<T> {
  readonly queue: ContentsOptions;
  readonly order: Order<T>;
  readonly drainRate: DrainRate;
  /** Called for each dropped item, before the operation is complete: must not call user code. */
  readonly onDropped: (item: T, rejection: RejectedError) => void;
  /** Takes what stops watching the context of an item that has left: user code, to be called when the operation is complete. */
  readonly unwatchLater: (unwatch: Unsubscribe) => void;
  /** Called after an item was dropped because its context ended. */
  readonly onEnded: () => void;
}

/** Makes `error` an uncaught exception of the process, which does not disturb the current caller. */
const surface = neverThrowing(
  (error: unknown): void => {
    throw error;
  },
  () => undefined,
);

/** Items with their contexts: bounded by count and weight, evicted, expired, and shed by sojourn control. */
export class Entries<T> {
  readonly #options: EntriesOptions<T>;
  readonly #order: Order<T>;
  readonly #sojourn: Sojourn<T> | undefined;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #weight = new WeightSum();
  size = 0;
  taken = 0;
  dropped = 0;

  constructor(options: EntriesOptions<T>) {
    const { sojourn, clock, name } = options.queue;
    this.#options = options;
    this.#order = options.order;
    this.#sojourn = sojourn === undefined ? undefined : new Sojourn(sojourn);
    this.#clock = clock;
    this.#name = name;
  }

  get weight(): number {
    return this.#weight.value;
  }

  /** Whether sojourn control sheds items. */
  get overloaded(): boolean {
    return this.#sojourn?.overloaded ?? false;
  }

  /** Adds an item, for which others may be evicted; false if there is no room for it. */
  tryAdd(item: T, ctx: CallContext): boolean {
    if (!this.hasRoom(ctx)) return false;
    for (let missing = this.#missingWeight(ctx); this.#isFull || missing > 0; ) {
      const evicted = this.#order.evictionFor(ctx, missing);
      if (evicted === undefined) return false;
      this.#drop(evicted, this.#shed());
      missing = this.#missingWeight(ctx);
    }
    const entry = new Entry(item, ctx, this.#sojourn === undefined ? Number.NaN : this.#clock.now());
    this.add(entry);
    this.#watchOrRemove(entry);
    return true;
  }

  /** Adds an entry that is known to fit. */
  add(entry: Entry<T>): void {
    this.#order.add(entry);
    this.#sojourn?.enter(entry);
    this.#weight.add(entry.weight);
    this.size++;
  }

  /** Whether {@link Entries.tryAdd} would add such an item. Drops stale items first if that may decide. */
  hasRoom(ctx: CallContext): boolean {
    if (this.#fits(ctx)) return true;
    this.#dropStale();
    if (this.#fits(ctx)) return true;
    return this.#order.canEvictFor(ctx, this.#isFull ? 1 : 0, this.#missingWeight(ctx));
  }

  take(): T | undefined {
    return this.#serve(this.next());
  }

  /** Removes and returns the next item if `wanted` is true for it. */
  takeIf(wanted: (item: T) => boolean): T | undefined {
    const next = this.next();
    // The callback may have removed the entry.
    return next !== undefined && wanted(next.item) && next.queued ? this.#serve(next) : undefined;
  }

  /** The entry to take next. Drops expired and stale entries first. */
  next(): Entry<T> | undefined {
    if (this.size === 0) return undefined;
    if (this.#sojourn?.sample(this.#clock.now())) this.#options.drainRate.start();
    this.#dropStale();
    for (;;) {
      const next = this.#order.next(this.#sojourn?.newestFirst ?? false);
      // On a busy event loop the timer of a deadline is late.
      if (next === undefined || !isOver(next.ctx, this.#clock)) return next;
      this.#drop(next, this.#rejectionOf(next.ctx));
    }
  }

  weightAhead(ctx: CallContext): number {
    return this.#order.weightAhead(ctx, this.#sojourn?.newestFirst ?? false);
  }

  /** Drops everything with `code`. */
  clear(code: RejectionCode): void {
    for (let entry = this.#order.least(); entry !== undefined; entry = this.#order.least()) {
      this.#drop(entry, new RejectedError(code, this.#name));
    }
  }

  /** Drops all entries of the lowest priority. */
  dropLowest(): void {
    const lowest = this.#order.least()?.priority;
    for (let entry = this.#order.least(); entry?.priority === lowest; entry = this.#order.least()) {
      if (entry === undefined) return;
      this.#drop(entry, this.#shed());
    }
  }

  get #isFull(): boolean {
    return this.size >= this.#options.queue.capacity;
  }

  /** The weight that must be freed for such an item. */
  #missingWeight({ cost = 1 }: CallContext): number {
    const missing = this.weight + cost - this.#options.queue.weightBound;
    // Not a large negative number, for which the engine would allocate.
    return Math.max(0, missing);
  }

  #fits(ctx: CallContext): boolean {
    return !this.#isFull && this.#missingWeight(ctx) === 0;
  }

  /** @throws what a method of its context throws; the entry is then out again, and counts as never added. */
  #watchOrRemove(entry: Entry<T>): void {
    try {
      this.#watch(entry);
    } catch (error) {
      // An entry that was taken or dropped meanwhile is accounted for.
      if (!entry.queued) {
        surface(error);
        return;
      }
      this.#order.remove(entry);
      this.#leave(entry);
      throw error;
    }
  }

  #watch(entry: Entry<T>): void {
    if (entry.ctx === EMPTY_CONTEXT) return;
    const unwatch = watchContext(entry.ctx, this.#clock, this.#name, (rejection) => {
      if (!entry.queued) return;
      this.#drop(entry, rejection);
      this.#options.onEnded();
    });
    // The context may have ended, or the queue have been cleared, before `unwatch` existed.
    if (entry.queued) entry.unwatch = unwatch;
    else unwatch?.();
  }

  #serve(entry: Entry<T> | undefined): T | undefined {
    if (entry === undefined) return undefined;
    this.#order.serve(entry);
    this.taken++;
    this.#leave(entry);
    return entry.item;
  }

  #drop(entry: Entry<T>, rejection: RejectedError): void {
    this.#order.remove(entry);
    this.dropped++;
    this.#leave(entry);
    this.#options.onDropped(entry.item, rejection);
  }

  #leave(entry: Entry<T>): void {
    entry.queued = false;
    if (entry.unwatch !== undefined) this.#options.unwatchLater(entry.unwatch);
    this.#sojourn?.leave();
    this.size--;
    if (this.size === 0) this.#weight.clear();
    else this.#weight.add(-entry.weight);
  }

  #dropStale(): void {
    const sojourn = this.#sojourn;
    if (!sojourn?.overloaded) return;
    const now = this.#clock.now();
    for (let stale = sojourn.stale(now); stale !== undefined; stale = sojourn.stale(now)) {
      this.#drop(stale, this.#shed());
    }
  }

  #shed(): RejectedError {
    return new RejectedError('SHED', this.#name, { retryAfterMs: this.#options.drainRate.waitMs(this.size) });
  }

  #rejectionOf(ctx: CallContext): RejectedError {
    return rejectionAtEntry(ctx, this.#clock, this.#name) ?? new RejectedError('CANCELLED', this.#name);
  }
}
