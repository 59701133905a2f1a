import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';

/** The order in which entries are taken, and in which they are evicted. No operation costs more than O(log n). */
export interface Order<T> {
  /** Whether items of higher priority come first. */
  readonly byPriority: boolean;
  /** Whether it shares between keys. */
  readonly keyed: boolean;
  /** Whether an item without a context may evict another item without a context. */
  readonly evictsEqual: boolean;
  add(entry: Entry<T>): void;
  /** Removes an entry that is dropped. */
  remove(entry: Entry<T>): void;
  /** Removes an entry that is taken: its weight counts as served to its key. */
  serve(entry: Entry<T>): void;
  /** The entry to take next; with `newestFirst` the newest of equal entries. */
  next(newestFirst: boolean): Entry<T> | undefined;
  /** The entry that matters least. */
  least(): Entry<T> | undefined;
  /** Whether evicting can free so many items and so much weight for an item with this context. */
  canEvictFor(ctx: CallContext, items: number, weight: number): boolean;
  /** The entry to evict next for such an item, as long as `weight` is to be freed. Only after {@link Order.canEvictFor}. */
  evictionFor(ctx: CallContext, weight: number): Entry<T> | undefined;
  /** The sum of the weights of the entries that are taken before an item with this context. */
  weightAhead(ctx: CallContext, newestFirst: boolean): number;
}
