import { Listeners, type Unsubscribe } from '@bp/core';

/** How full a queue is: items and weight, and whether it is between its high and its low water mark. */
export class Fill {
  readonly #highWater: number;
  readonly #lowWater: number;
  readonly #listeners = new Listeners<boolean>();
  size = 0;
  weight = 0;
  saturated = false;

  /** @param highWater - items at which it is saturated; @param lowWater - items down to which it then stays so. */
  constructor(highWater: number, lowWater: number) {
    this.#highWater = highWater;
    this.#lowWater = lowWater;
  }

  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  enter(weight: number): void {
    this.weight += weight;
    this.size++;
    if (this.size >= this.#highWater && !this.saturated) {
      this.saturated = true;
      this.#listeners.emit(true);
    }
  }

  leave(weight: number): void {
    this.size--;
    // Sums of fractions drift; an empty queue weighs nothing.
    this.weight = this.size === 0 ? 0 : this.weight - weight;
    if (this.saturated && this.size <= this.#lowWater) {
      this.saturated = false;
      this.#listeners.emit(false);
    }
  }
}
