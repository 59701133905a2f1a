import { RingBuffer } from './ring-buffer.ts';

/** More than a ring can hold, and a small integer everywhere. */
const ALL = 2 ** 30 - 1;

/**
 * The items of which nothing is known. Within a band of lengths they come and go unheard: nobody has to leave, comes in
 * or is told for that, and nothing else has to be asked.
 *
 * The band may be narrower than it could be, which costs time, but never wider: whoever changes what it depends on shuts it
 * before code of others can run, and it is opened when all is done.
 */
export class PlainItems<T> extends RingBuffer<T> {
  #floor = ALL;
  #ceiling = 0;

  /** Whether nobody has to hear of one more, for which there is a slot free then. */
  get pushIsUnheard(): boolean {
    return this.length < this.#ceiling;
  }

  /** Whether there is one, and nobody has to hear that it leaves. */
  get shiftIsUnheard(): boolean {
    return this.length > this.#floor;
  }

  /** From now on all that comes and goes is heard of. */
  shutBand(): void {
    this.#floor = ALL;
    this.#ceiling = 0;
  }

  /** From now on shifts of one of more than `floor` and pushes to less than `ceiling` are not heard of. */
  openBand(floor: number, ceiling: number): void {
    this.#floor = floor;
    // To grow is left to those that are heard, which keeps the way of the others short.
    this.#ceiling = Math.min(ceiling, this.size);
  }
}
