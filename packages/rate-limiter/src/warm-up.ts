import { Allowance } from './allowance.ts';
import type { Limit } from './limit.ts';

/**
 * A ramp from a fraction of a rate to all of it, as a change of time: a slower second brings fewer tokens, and the
 * algorithm stays the same. (Guava's `SmoothWarmingUp` ramps the cost of a permit instead.)
 */
class Ramp {
  readonly #durationMs: number;
  readonly #cold: number;
  // Where the latest ramp began, on the clock and in slowed time.
  #beganAt = 0;
  #beganSlowed = 0;

  constructor(durationMs: number, coldFactor: number) {
    this.#durationMs = durationMs;
    this.#cold = 1 / coldFactor;
  }

  restart(at: number): void {
    this.#beganSlowed = this.slowed(at);
    this.#beganAt = at;
  }

  /** Slowed time at `at`, both in milliseconds since the start. */
  slowed(at: number): number {
    const passed = at - this.#beganAt;
    // Time that went back to before the ramp grants nothing.
    if (!(passed > 0)) return this.#beganSlowed;
    const onRamp = Math.min(passed, this.#durationMs);
    // The speed rises evenly, so what has passed is the area under it, a trapezium.
    const speed = this.#cold + (1 - this.#cold) * (onRamp / this.#durationMs);
    return this.#beganSlowed + (onRamp * (this.#cold + speed)) / 2 + (passed - onRamp);
  }

  /** The inverse of `slowed`. */
  reaches(slowed: number): number {
    const passed = slowed - this.#beganSlowed;
    const ramp = (this.#durationMs * (this.#cold + 1)) / 2;
    if (passed >= ramp) return this.#beganAt + this.#durationMs + (passed - ramp);
    // The root of the same area, in the form that does not cancel.
    const slope = (1 - this.#cold) / this.#durationMs;
    return this.#beganAt + (2 * passed) / (this.#cold + Math.sqrt(this.#cold ** 2 + 2 * slope * passed));
  }
}

/** An allowance that begins cold: with one token at most, at a fraction of its rate. */
export class WarmingAllowance extends Allowance {
  readonly #ramp: Ramp;

  constructor(limit: Limit, start: number, durationMs: number, coldFactor: number) {
    super(limit, start);
    this.#ramp = new Ramp(durationMs, coldFactor);
    this.restart(start);
  }

  /** Begins the ramp again. */
  restart(now: number): void {
    const spent = Math.max(this.spent(now), this.limit.burst - 1);
    this.#ramp.restart(super.time(now));
    this.setSpent(spent, now);
  }

  protected override time(now: number): number {
    return this.#ramp.slowed(super.time(now));
  }

  protected override sinceStart(t: number): number {
    return super.sinceStart(this.#ramp.reaches(t));
  }
}
