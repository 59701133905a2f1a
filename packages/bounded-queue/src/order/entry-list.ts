import type { Entry } from './entry.ts';
import { WeightSum } from './weight-sum.ts';

/** Entries in the order in which they were added: a doubly linked list, so that removing any of them costs O(1). */
export class EntryList<T> {
  first: Entry<T> | undefined;
  last: Entry<T> | undefined;
  size = 0;
  readonly #weight = new WeightSum();

  /** The sum of the weights of its entries. */
  get weight(): number {
    return this.#weight.value;
  }

  add(entry: Entry<T>): void {
    entry.previous = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.size++;
    this.#weight.add(entry.weight);
  }

  remove(entry: Entry<T>): void {
    if (entry.previous === undefined) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
    this.size--;
    if (this.size === 0) this.#weight.clear();
    else this.#weight.add(-entry.weight);
  }

  /** The entry to take next. */
  next(newestFirst: boolean): Entry<T> | undefined {
    return newestFirst ? this.last : this.first;
  }

  /** The weight that is taken before an entry that is added now. */
  weightAhead(newestFirst: boolean): number {
    return newestFirst ? 0 : this.weight;
  }
}
