const FIRST_SIZE = 16;

/**
 * A FIFO in a ring of a power of two of slots, which doubles when it is full.
 *
 *     [ . . a b c d . . ]      head -> a, the next value goes to head + length, both modulo the size
 */
export class RingBuffer<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_SIZE).fill(undefined);
  #mask = FIRST_SIZE - 1;
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    if (this.#length > this.#mask) this.#resize(this.#slots.length * 2);
    this.#slots[(this.#head + this.#length++) & this.#mask] = value;
  }

  /** The oldest value, undefined if there is none. */
  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  /** Removes and returns the oldest value, undefined if there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return value;
  }

  /** Keeps only the values that `keep` is true for, in their order. */
  filter(keep: (value: T) => boolean): void {
    for (let left = this.#length; left > 0; left--) {
      const value = this.shift() as T;
      if (keep(value)) this.push(value);
    }
  }

  #resize(size: number): void {
    const slots = new Array<T | undefined>(size).fill(undefined);
    for (let i = 0; i < this.#length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask];
    this.#slots = slots;
    this.#mask = size - 1;
    this.#head = 0;
  }
}
