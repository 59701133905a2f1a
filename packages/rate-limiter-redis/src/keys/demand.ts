/**
 * How much one key is asked for, from the calls of the last `windowMs`: what has been counted in the current window plus the
 * share of the window before that still lies within `windowMs`. It is forgotten within two windows.
 */
export class Demand {
  readonly #windowMs: number;
  #startedAt: number;
  #calls = 0;
  #units = 0;
  #earlierCalls = 0;
  #earlierUnits = 0;

  constructor(windowMs: number, now: number) {
    this.#windowMs = windowMs;
    this.#startedAt = now;
  }

  record(units: number, now: number): void {
    this.#advance(now);
    this.#calls++;
    this.#units += units;
  }

  /** Calls expected in the next `ms`. */
  calls(ms: number, now: number): number {
    return (this.#advance(now) * this.#earlierCalls + this.#calls) * (ms / this.#windowMs);
  }

  /** Units expected in the next `ms`. */
  units(ms: number, now: number): number {
    return (this.#advance(now) * this.#earlierUnits + this.#units) * (ms / this.#windowMs);
  }

  /** Begins a new window when one is over; returns the share of the earlier window that still counts. */
  #advance(now: number): number {
    const elapsedMs = now - this.#startedAt;
    if (elapsedMs >= this.#windowMs) {
      const adjacent = elapsedMs < 2 * this.#windowMs;
      this.#earlierCalls = adjacent ? this.#calls : 0;
      this.#earlierUnits = adjacent ? this.#units : 0;
      this.#calls = 0;
      this.#units = 0;
      this.#startedAt = adjacent ? this.#startedAt + this.#windowMs : now;
    }
    return 1 - Math.max(0, now - this.#startedAt) / this.#windowMs;
  }
}
