import { Entry, type Storage } from './entry.ts';
import { RingBuffer } from './ring-buffer.ts';

/** Below so many removed entries in the ring it is not worth while to compact it. */
const FEW = 32;

/**
 * First in, first out. An entry that is removed stays in the ring as a tombstone until it comes out or until more
 * than half of the ring are tombstones, so removing is O(1) amortised and memory within twice what is queued.
 */
export class Fifo<T> implements Storage<T> {
  readonly #ring = new RingBuffer<T | Entry<T>>();
  readonly #evictsOldest: boolean;
  #removed = 0;

  constructor(evictsOldest: boolean) {
    this.#evictsOldest = evictsOldest;
  }

  addPlain(item: T): void {
    this.#ring.push(item);
  }

  add(entry: Entry<T>): void {
    this.#ring.push(entry);
  }

  peek(): T | Entry<T> | undefined {
    if (this.#removed > 0) this.#dropTombstones();
    return this.#ring.peek();
  }

  shift(): T | Entry<T> | undefined {
    if (this.#removed > 0) this.#dropTombstones();
    return this.#ring.shift();
  }

  remove(entry: Entry<T>): void {
    entry.queued = false;
    this.#removed++;
    if (this.#removed < FEW || this.#removed * 2 < this.#ring.length) return;
    this.#ring.filter((value) => !(value instanceof Entry) || value.queued);
    this.#removed = 0;
  }

  canMakeRoom(): boolean {
    return this.#evictsOldest;
  }

  evict(): T | Entry<T> | undefined {
    return this.shift();
  }

  #dropTombstones(): void {
    for (let value = this.#ring.peek(); value instanceof Entry && !value.queued; value = this.#ring.peek()) {
      this.#ring.shift();
      this.#removed--;
    }
  }
}
