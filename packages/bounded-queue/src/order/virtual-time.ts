import { Heap, HeapNode } from '@bp/core/kit';

/** The finish tag of a key that was served more than the others and has nothing queued. */
class Lead extends HeapNode {
  readonly key: string | undefined;

  constructor(key: string | undefined, finish: number) {
    super(finish);
    this.key = key;
  }
}

/**
 * The time of a system that serves all keys at once: the start tag of the item that was taken last. A key whose finish tag is
 * ahead of it has had its share, and its next item starts there, also if the key has nothing queued in between.
 *
 * It advances by at least `1 / maxKeys` of what is served. So a flood of new keys delays another key by at most `maxKeys`
 * items, and about `maxKeys` tags are remembered.
 */
export class VirtualTime {
  now = 0;
  readonly #maxKeys: number;
  readonly #leads = new Map<string | undefined, Lead>();
  readonly #byFinish = new Heap<Lead>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** The start tag of the next item of a key that has nothing queued. */
  startOf(key: string | undefined): number {
    return Math.max(this.now, this.#leads.get(key)?.rank ?? 0);
  }

  /** An item with this start tag and weight is taken. */
  advance(start: number, weight: number): void {
    this.now = Math.max(this.now + weight / this.#maxKeys, start);
    for (let first = this.#byFinish.first; first !== undefined; first = this.#byFinish.first) {
      if (first.rank > this.now) return;
      this.#forget(first);
    }
  }

  /** A key has nothing queued any more, and was served up to this tag. */
  remember(key: string | undefined, finish: number): void {
    if (finish <= this.now) return;
    const known = this.#leads.get(key);
    if (known !== undefined) {
      this.#byFinish.move(known, Math.max(known.rank, finish));
      return;
    }
    const lead = new Lead(key, finish);
    this.#leads.set(key, lead);
    this.#byFinish.add(lead);
    if (this.#leads.size > this.#maxKeys) this.#forget(this.#byFinish.first as Lead);
  }

  /** Subtracts `amount` from all tags. */
  shift(amount: number): void {
    this.now -= amount;
    for (const lead of [...this.#byFinish]) this.#byFinish.move(lead, lead.rank - amount);
  }

  #forget(lead: Lead): void {
    this.#byFinish.remove(lead);
    this.#leads.delete(lead.key);
  }
}
