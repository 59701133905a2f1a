import { Heap, HeapNode } from '@bp/core/kit';

/** The finish tag of the item of a key that was taken last. It is forgotten when the time has reached its rank. */
class Finish extends HeapNode {
  readonly key: string | undefined;
  tag: number;

  constructor(key: string | undefined, tag: number, rank: number) {
    super(rank);
    this.key = key;
    this.tag = tag;
  }
}

/** What the time advances by at least for each unit of weight, times the number of keys. */
const MIN_SPEED = 2;

/**
 * The time of a system that serves all keys at once: the start tag of the item that was taken last.
 *
 * It remembers the finish tags of keys that have nothing queued. A key that was just served has its tag ahead of the time, and
 * waits for the others, also if it pushes first. Later its tag is behind the time by at most one item, which puts it before
 * keys that were never served. So a flood of new keys delays another key by about `maxKeys / 2` items.
 */
export class VirtualTime {
  now = 0;
  readonly #maxKeys: number;
  readonly #finishes = new Map<string | undefined, Finish>();
  readonly #byRank = new Heap<Finish>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** The start tag of the next item of a key that has nothing queued. */
  startOf(key: string | undefined): number {
    return this.#finishes.get(key)?.tag ?? this.now;
  }

  /** An item with this start tag and weight is taken. */
  advance(start: number, weight: number): void {
    this.now = Math.max(this.now + (MIN_SPEED * weight) / this.#maxKeys, start);
    for (let first = this.#byRank.first; first !== undefined; first = this.#byRank.first) {
      if (first.rank > this.now) return;
      this.#forget(first);
    }
  }

  /** A key has nothing queued any more. @param tag - its finish tag; @param weight - that of the item taken last. */
  remember(key: string | undefined, tag: number, weight: number): void {
    const known = this.#finishes.get(key);
    if (known !== undefined) {
      known.tag = Math.max(known.tag, tag);
      this.#byRank.move(known, known.tag + weight);
      return;
    }
    const finish = new Finish(key, tag, tag + weight);
    this.#finishes.set(key, finish);
    this.#byRank.add(finish);
    if (this.#finishes.size > this.#maxKeys) this.#forget(this.#byRank.first as Finish);
  }

  /** Subtracts `amount` from all tags. */
  shift(amount: number): void {
    this.now -= amount;
    for (const finish of [...this.#byRank]) {
      finish.tag -= amount;
      this.#byRank.move(finish, finish.rank - amount);
    }
  }

  #forget(finish: Finish): void {
    this.#byRank.remove(finish);
    this.#finishes.delete(finish.key);
  }
}
