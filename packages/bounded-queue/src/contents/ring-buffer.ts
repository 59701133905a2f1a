/** Growing copies the ring, so it starts with room for a few values. */
const FIRST_SIZE = 32;

/**
 * A FIFO in a ring of slots, which doubles when it is full. The number of slots is a power of two.
 *
 *     [ . . a b c d . . ]      head -> a, the next value goes to tail, both modulo the size
 *
 * Head and tail count on and wrap at 32 bits: a push writes only the tail, a shift only the head, and both stay small
 * integers.
 */
export class RingBuffer<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_SIZE).fill(undefined);
  #head = 0;
  #tail = 0;
  /** How many values were shifted before the head last passed the first slot. */
  #shiftedBefore = 0;

  get length(): number {
    return (this.#tail - this.#head) | 0;
  }

  /** How many values it can hold without growing. */
  get size(): number {
    return this.#slots.length;
  }

  /** How many values have been shifted so far. */
  get shifted(): number {
    return this.#shiftedBefore + (this.#head & (this.size - 1));
  }

  push(value: T): void {
    if (this.length === this.size) this.#grow();
    this.pushFree(value);
  }

  /** Adds a value to a ring that is known to have a free slot. */
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

  /** Removes and returns the oldest value of a ring that is known to have one. */
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

  /** Keeps only the values for which `keep` is true, in their order. */
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
