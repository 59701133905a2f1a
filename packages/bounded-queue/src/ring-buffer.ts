/** Room for so much from the start, for every growing is a copy. */
const FIRST_SIZE = 32;

/**
 * A FIFO in a ring of a power of two of slots, which doubles when it is full.
 *
 *     [ . . a b c d . . ]      head -> a, the next value goes to tail, both modulo the size
 *
 * Head and tail run on and wrap at 32 bits: neither a push nor a shift writes what the other writes, and both stay
 * small integers for ever.
 */
export class RingBuffer<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_SIZE).fill(undefined);
  #head = 0;
  #tail = 0;
  /** Shifted before the head last came by the first slot. */
  #shiftedBefore = 0;

  get length(): number {
    return (this.#tail - this.#head) | 0;
  }

  /** How many values it holds before it grows. */
  get size(): number {
    return this.#slots.length;
  }

  /** How many values have ever been shifted. */
  get shifted(): number {
    return this.#shiftedBefore + (this.#head & (this.size - 1));
  }

  push(value: T): void {
    if (this.length === this.size) this.#grow();
    this.pushFree(value);
  }

  /** The same where a slot is known to be free. */
  pushFree(value: T): void {
    const slots = this.#slots;
    const tail = this.#tail;
    slots[tail & (slots.length - 1)] = value;
    this.#tail = (tail + 1) | 0;
  }

  /** The oldest value, undefined if there is none. */
  peek(): T | undefined {
    return this.#slots[this.#head & (this.size - 1)];
  }

  /** Removes and returns the oldest value, undefined if there is none. */
  shift(): T | undefined {
    return this.length === 0 ? undefined : this.shiftUsed();
  }

  /** The same where there is known to be one. */
  shiftUsed(): T {
    const slots = this.#slots;
    const head = this.#head;
    const last = slots.length - 1;
    const index = head & last;
    const value = slots[index] as T;
    slots[index] = undefined;
    this.#head = (head + 1) | 0;
    if (index === last) this.#shiftedBefore += slots.length;
    return value;
  }

  /** Keeps only the values that `keep` is true for, in their order. */
  filter(keep: (value: T) => boolean): void {
    for (let left = this.length; left > 0; left--) {
      const value = this.shiftUsed();
      if (keep(value)) this.push(value);
    }
  }

  #grow(): void {
    const { length, shifted } = this;
    const slots = new Array<T | undefined>(2 * length).fill(undefined);
    for (let i = 0; i < length; i++) slots[i] = this.#slots[(this.#head + i) & (length - 1)];
    this.#slots = slots;
    this.#shiftedBefore = shifted;
    this.#head = 0;
    this.#tail = length;
  }
}
