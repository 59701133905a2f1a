/** The share of the newest time in the mean: about the last twenty count. */
const WEIGHT = 0.1;

/**
 * How long one piece of work takes, measured as it goes: an exponentially weighted mean. What a pool or a limiter
 * knows of the future: with it, whoever waits can be told for how long.
 */
export class ServiceTime {
  #meanMs: number | undefined;
  #deviationMs = 0;

  /** Adds a measured time in milliseconds (>= 0). */
  record(ms: number): void {
    if (this.#meanMs === undefined) {
      this.#meanMs = ms;
      return;
    }
    this.#deviationMs += WEIGHT * (Math.abs(ms - this.#meanMs) - this.#deviationMs);
    this.#meanMs += WEIGHT * (ms - this.#meanMs);
  }

  /** The mean in milliseconds; undefined until something was recorded. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /** How far from the mean they are on average, in milliseconds; 0 until two were recorded. */
  get deviationMs(): number {
    return this.#deviationMs;
  }
}
