import type { Entry } from './entry.ts';

/** Entries in the order in which they came: a doubly linked list, so that anyone leaves in O(1). */
export class EntryList<T> {
  first: Entry<T> | undefined;
  last: Entry<T> | undefined;
  size = 0;
  weight = 0;

  add(entry: Entry<T>): void {
    entry.previous = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.size++;
    this.weight += entry.weight;
  }

  remove(entry: Entry<T>): void {
    if (entry.previous === undefined) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
    this.size--;
    // Sums of fractions drift; an empty list weighs nothing.
    this.weight = this.size === 0 ? 0 : this.weight - entry.weight;
  }
}
