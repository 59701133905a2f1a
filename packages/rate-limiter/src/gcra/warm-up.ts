import { Allowance } from './allowance.ts';
import type { Limit } from './limit.ts';

/**
 * A ramp from a fraction of a rate to the full rate, as a change of time: a slower millisecond brings fewer tokens, and the
 * algorithm stays the same. (Guava's `SmoothWarmingUp` ramps the cost of a permit instead.)
 */
class Ramp {
  readonly #durationMs: number;
  readonly #coldSpeed: number;
  #beganAt: number;

  constructor(durationMs: number, coldFactor: number, now: number) {
    this.#durationMs = durationMs;
    this.#coldSpeed = 1 / coldFactor;
    this.#beganAt = now;
  }

  restart(now: number): void {
    if (now > this.#beganAt) this.#beganAt = now;
  }

  /** Slowed milliseconds between two clock times. */
  slowedBetween(from: number, to: number): number {
    const start = this.#passed(from);
    if (start >= this.#durationMs) return to - from;
    return this.#slowed(this.#passed(to)) - this.#slowed(start);
  }

  /** The inverse: clock milliseconds after `from` in which `slowedMs` pass. */
  clockMsFor(from: number, slowedMs: number): number {
    const start = this.#passed(from);
    if (start >= this.#durationMs) return slowedMs;
    return this.#inverse(this.#slowed(start) + slowedMs) - start;
  }

  // Time that went back to before the ramp grants nothing.
  #passed(at: number): number {
    return Math.max(0, at - this.#beganAt);
  }

  /** The speed rises linearly, so the slowed time is the area under it: a trapezium, then a rectangle. */
  #slowed(passed: number): number {
    const onRamp = Math.min(passed, this.#durationMs);
    const speed = this.#coldSpeed + (1 - this.#coldSpeed) * (onRamp / this.#durationMs);
    return (onRamp * (this.#coldSpeed + speed)) / 2 + (passed - onRamp);
  }

  #inverse(slowed: number): number {
    const whole = (this.#durationMs * (this.#coldSpeed + 1)) / 2;
    if (slowed >= whole) return this.#durationMs + (slowed - whole);
    // The root of the same area, in the form that loses no digits.
    const slope = (1 - this.#coldSpeed) / this.#durationMs;
    return (2 * slowed) / (this.#coldSpeed + Math.sqrt(this.#coldSpeed ** 2 + 2 * slope * slowed));
  }
}

/** An allowance that starts cold: with one token at most, at a fraction of its rate. */
export class WarmingAllowance extends Allowance {
  readonly #ramp: Ramp;

  constructor(limit: Limit, now: number, durationMs: number, coldFactor: number) {
    super(limit, now);
    this.#ramp = new Ramp(durationMs, coldFactor, now);
    this.restart(now);
  }

  /** Starts the ramp again. */
  restart(now: number): void {
    this.setSpent(Math.max(this.spent(now), this.limit.burst - 1), now);
    this.#ramp.restart(now);
  }

  protected override elapsed(from: number, to: number): number {
    return this.#ramp.slowedBetween(from, to);
  }

  protected override clockMsFor(from: number, ms: number): number {
    return this.#ramp.clockMsFor(from, ms);
  }
}
