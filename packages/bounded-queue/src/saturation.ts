import { Listeners, type Unsubscribe } from '@bp/core';

/** Whether a queue is full: from its high water mark on, until it is back at its low one. */
export class Saturation {
  readonly highWater: number;
  readonly #lowWater: number;
  readonly #listeners = new Listeners<boolean>();
  reached = false;

  /** @param highWater - items at which it is saturated; @param lowWater - items down to which it then stays so. */
  constructor(highWater: number, lowWater: number) {
    this.highWater = highWater;
    this.#lowWater = lowWater;
  }

  onChange(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  rise(): void {
    this.reached = true;
    this.#listeners.emit(true);
  }

  /** It holds `size` items now, fewer than before. */
  fall(size: number): void {
    if (!this.reached || size > this.#lowWater) return;
    this.reached = false;
    this.#listeners.emit(false);
  }
}
