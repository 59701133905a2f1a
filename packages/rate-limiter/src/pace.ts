/**
 * How fast time passes for a bucket. A slower second brings fewer tokens: whatever changes the rate gradually is a
 * change of time, and the algorithm stays one.
 */
export interface Pace {
  /** Milliseconds that have passed for the bucket when `sinceMs` have passed on the clock since the bucket began. */
  elapsed(sinceMs: number): number;
  /** The inverse: when `elapsedMs` will have passed for the bucket; `Infinity` if never. */
  since(elapsedMs: number): number;
}

/** Time that stands still: what is spent never comes back. */
export const STILL: Pace = {
  elapsed: () => 0,
  since: (elapsedMs) => (elapsedMs > 0 ? Number.POSITIVE_INFINITY : 0),
};

/**
 * A ramp: time passes at `1 / coldFactor` of its speed at first and at full speed after `durationMs`, changing evenly
 * (as in Guava's `SmoothWarmingUp`, with time as what ramps instead of the cost of a permit).
 */
export class WarmUp implements Pace {
  readonly #durationMs: number;
  readonly #cold: number;
  // Where the latest ramp began, on the clock and for the bucket.
  #beganSince = 0;
  #beganElapsed = 0;

  constructor(durationMs: number, coldFactor: number) {
    this.#durationMs = durationMs;
    this.#cold = 1 / coldFactor;
  }

  /** Begins a new ramp. */
  restart(sinceMs: number): void {
    this.#beganElapsed = this.elapsed(sinceMs);
    this.#beganSince = sinceMs;
  }

  elapsed(sinceMs: number): number {
    const passed = sinceMs - this.#beganSince;
    // Before the ramp began: time that went backwards grants nothing.
    if (!(passed > 0)) return this.#beganElapsed;
    const onRamp = Math.min(passed, this.#durationMs);
    // The speed rises evenly, so what has passed is the area under it: a trapezium.
    const speed = this.#cold + (1 - this.#cold) * (onRamp / this.#durationMs);
    return this.#beganElapsed + (onRamp * (this.#cold + speed)) / 2 + (passed - onRamp);
  }

  since(elapsedMs: number): number {
    const passed = elapsedMs - this.#beganElapsed;
    const ramp = (this.#durationMs * (this.#cold + 1)) / 2;
    if (passed >= ramp) return this.#beganSince + this.#durationMs + (passed - ramp);
    // The root of the same area; this form of it does not cancel.
    const slope = (1 - this.#cold) / this.#durationMs;
    const root = (2 * passed) / (this.#cold + Math.sqrt(this.#cold ** 2 + 2 * slope * passed));
    return this.#beganSince + root;
  }
}
