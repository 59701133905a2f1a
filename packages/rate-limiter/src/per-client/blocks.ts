import { Heap, HeapNode } from '@bp/core/kit';

/** A blocked key; its rank is the clock time at which the block ends. */
class Block extends HeapNode {
  readonly low: number;
  readonly high: number;
  /** The next block with the same lower half of the hash. */
  next: Block | undefined;

  constructor(low: number, high: number, until: number) {
    super(until);
    this.low = low;
    this.high = high;
  }
}

/** The keys that are blocked, by their hash: at most `maxBlocks`. When there is no room, the block that ends first is dropped. */
export class Blocks {
  readonly #maxBlocks: number;
  readonly #byEnd = new Heap<Block>();
  readonly #byLow = new Map<number, Block>();

  constructor(maxBlocks: number) {
    this.#maxBlocks = maxBlocks;
  }

  /** How many blocks are stored; some may have ended. */
  get size(): number {
    return this.#byEnd.size;
  }

  /** Returns the clock time until which a key is blocked; `-Infinity` if it is not. */
  until(low: number, high: number): number {
    return this.#find(low, high)?.rank ?? Number.NEGATIVE_INFINITY;
  }

  /** Blocks a key until a clock time; never shortens an earlier block. */
  add(low: number, high: number, until: number, now: number): void {
    const known = this.#find(low, high);
    if (known !== undefined) {
      if (until > known.rank) this.#byEnd.move(known, until);
      return;
    }
    for (let first = this.#byEnd.first; first !== undefined && first.rank <= now; first = this.#byEnd.first) {
      this.#remove(first);
    }
    const block = new Block(low, high, until);
    block.next = this.#byLow.get(low);
    this.#byLow.set(low, block);
    this.#byEnd.add(block);
    const { first } = this.#byEnd;
    if (first !== undefined && this.#byEnd.size > this.#maxBlocks) this.#remove(first);
  }

  /** Ends the block of a key. */
  delete(low: number, high: number): void {
    const block = this.#find(low, high);
    if (block !== undefined) this.#remove(block);
  }

  /** Calls `visit` for every block. */
  forEach(visit: (low: number, high: number, until: number) => void): void {
    for (const { low, high, rank } of this.#byEnd) visit(low, high, rank);
  }

  #find(low: number, high: number): Block | undefined {
    let block = this.#byLow.get(low);
    while (block !== undefined && block.high !== high) block = block.next;
    return block;
  }

  #remove(block: Block): void {
    this.#byEnd.remove(block);
    const head = this.#byLow.get(block.low);
    if (head === block) {
      if (block.next === undefined) this.#byLow.delete(block.low);
      else this.#byLow.set(block.low, block.next);
      return;
    }
    for (let previous = head; previous !== undefined; previous = previous.next) {
      if (previous.next === block) previous.next = block.next;
    }
  }
}
