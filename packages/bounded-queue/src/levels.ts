import { NO_ADMISSION_OPTIONS } from '@bp/core';
import { Entry, type Storage } from './entry.ts';

/** The entries of one priority, a doubly linked list: first in, first out, and O(1) to leave from anywhere. */
class Level<T> {
  readonly priority: number;
  first: Entry<T> | undefined;
  last: Entry<T> | undefined;
  size = 0;
  weight = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  append(entry: Entry<T>): void {
    entry.previous = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.size++;
    this.weight += entry.weight;
  }

  unlink(entry: Entry<T>): void {
    if (entry.previous === undefined) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
    this.size--;
    this.weight -= entry.weight;
  }
}

/**
 * Highest priority first, first in first out among equals. Levels are kept sorted and exist only while they hold
 * something, so every operation is O(1) in the items and O(log n) to O(n) in the levels, of which few are usual and
 * more than the capacity impossible.
 */
export class Levels<T> implements Storage<T> {
  /** Least important first. */
  readonly #levels: Level<T>[] = [];

  addPlain(item: T): void {
    this.add(new Entry(item, 0, 1, NO_ADMISSION_OPTIONS));
  }

  add(entry: Entry<T>): void {
    this.#level(entry.priority).append(entry);
  }

  peek(): Entry<T> | undefined {
    return this.#levels[this.#levels.length - 1]?.first;
  }

  shift(): Entry<T> | undefined {
    return this.#leave(this.peek());
  }

  remove(entry: Entry<T>): void {
    this.#leave(entry);
  }

  canMakeRoom(priority: number, items: number, weight: number): boolean {
    let evictableItems = 0;
    let evictableWeight = 0;
    for (const level of this.#levels) {
      if (level.priority >= priority) break;
      evictableItems += level.size;
      evictableWeight += level.weight;
      if (evictableItems >= items && evictableWeight >= weight) return true;
    }
    return false;
  }

  /** The newest of the least important: it has waited least, and would have been served last. */
  evict(): Entry<T> | undefined {
    return this.#leave(this.#levels[0]?.last);
  }

  /** What an entry of this priority would have to wait for: the sum of the weights of all that come out before it. */
  weightAhead(priority: number): number {
    let weight = 0;
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i] as Level<T>;
      if (level.priority < priority) break;
      weight += level.weight;
    }
    return weight;
  }

  /** How many entries the least important level holds. */
  get lowestSize(): number {
    return this.#levels[0]?.size ?? 0;
  }

  #leave(entry: Entry<T> | undefined): Entry<T> | undefined {
    if (entry === undefined) return undefined;
    entry.queued = false;
    const index = this.#indexOf(entry.priority);
    const level = this.#levels[index];
    level?.unlink(entry);
    if (level?.size === 0) this.#levels.splice(index, 1);
    return entry;
  }

  #level(priority: number): Level<T> {
    const index = this.#indexOf(priority);
    const found = this.#levels[index];
    if (found?.priority === priority) return found;
    const level = new Level<T>(priority);
    this.#levels.splice(index, 0, level);
    return level;
  }

  /** Where the level of `priority` is or would have to be. */
  #indexOf(priority: number): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#levels[middle] as Level<T>).priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
