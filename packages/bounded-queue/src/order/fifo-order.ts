import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import type { Order } from './order.ts';

/** First in, first out. Evicts the oldest entry, or none. */
export class FifoOrder<T> implements Order<T> {
  readonly byPriority = false;
  readonly keyed = false;
  readonly evictsEqual: boolean;
  readonly #entries = new EntryList<T>();

  constructor(dropsOldest: boolean) {
    this.evictsEqual = dropsOldest;
  }

  add(entry: Entry<T>): void {
    this.#entries.add(entry);
  }

  remove(entry: Entry<T>): void {
    this.#entries.remove(entry);
  }

  serve(entry: Entry<T>): void {
    this.#entries.remove(entry);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return this.#entries.next(newestFirst);
  }

  least(): Entry<T> | undefined {
    return this.#entries.first;
  }

  /** Every cost is at most `maxWeight`, so evicting enough frees the weight for any item. */
  canEvictFor(): boolean {
    return this.evictsEqual;
  }

  evictionFor(): Entry<T> | undefined {
    return this.#entries.first;
  }

  weightAhead(_ctx: CallContext, newestFirst: boolean): number {
    return this.#entries.weightAhead(newestFirst);
  }
}
