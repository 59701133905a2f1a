import { RingBuffer } from './ring-buffer.ts';

/** More than a ring can hold; a small integer on all platforms. */
const NEVER = 2 ** 30 - 1;

/** Operations that change only the ring: no waiter, listener or measurement is concerned. */
export interface QuietOperations<T> {
  /** Whether pushing an item without a context is quiet. */
  readonly isPushQuiet: boolean;
  /** Whether taking an item is quiet: then there is one. */
  readonly isTakeQuiet: boolean;
  /** Adds an item; only if that is quiet. */
  pushFree(item: T): void;
  /** Takes the next item; only if that is quiet. */
  shiftUsed(): T;
}

/** A ring in which operations are quiet as long as its length stays in a range. */
export class QuietRing<T> extends RingBuffer<T> implements QuietOperations<T> {
  #pushBelow = 0;
  #takeAbove = NEVER;

  /** From now on no operation is quiet. */
  forbidQuiet(): void {
    this.#pushBelow = 0;
    this.#takeAbove = NEVER;
  }

  /** From now on pushes are quiet below a length, and takes above one; undefined: never. */
  allowQuiet(pushBelow: number, takeAbove: number | undefined): void {
    // Growing is left to other pushes, which keeps quiet ones short.
    this.#pushBelow = Math.min(pushBelow, this.size);
    this.#takeAbove = takeAbove ?? NEVER;
  }

  get isPushQuiet(): boolean {
    return this.length < this.#pushBelow;
  }

  get isTakeQuiet(): boolean {
    return this.length > this.#takeAbove;
  }
}
