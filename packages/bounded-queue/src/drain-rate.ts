import type { Clock } from '@bp/core';

/** How long one look at the rate counts before the next begins. */
const WINDOW_MS = 1000;

/**
 * How fast a queue is emptied, measured only from when it is full and only when somebody is rejected: taking costs one
 * increment and no look at the clock.
 */
export class DrainRate {
  readonly #clock: Clock;
  #since: number;
  #takenBefore = 0;
  #msPerItem: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  /** The queue is full now, where it was not: how fast it was emptied before tells how much came, not how fast it can be. */
  begin(taken: number): void {
    this.#since = this.#clock.now();
    this.#takenBefore = taken;
  }

  /** Milliseconds in which `items` are taken as things go, given that `taken` have been so far; undefined if none were. */
  timeFor(items: number, taken: number): number | undefined {
    const now = this.#clock.now();
    const elapsedMs = now - this.#since;
    const takenSince = taken - this.#takenBefore;
    if (takenSince > 0 && elapsedMs > 0) {
      const measured = elapsedMs / takenSince;
      if (elapsedMs >= WINDOW_MS) {
        this.#msPerItem = measured;
        this.#since = now;
        this.#takenBefore = taken;
      } else {
        this.#msPerItem ??= measured;
      }
    }
    return this.#msPerItem === undefined ? undefined : items * this.#msPerItem;
  }
}
