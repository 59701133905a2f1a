import type { Clock } from '@bp/core';

/** The origin moves once the time since it exceeds this many milliseconds (4.7 hours). */
const EPOCH_MS = 2 ** 24;

/** The largest rounding error of a time below twice the epoch, in milliseconds: 4 picoseconds. */
export const ROUNDING_MS = 2 ** -28;

/**
 * The time of a table of absolute times: milliseconds since an origin that follows the clock, so that rounding does not grow
 * with the uptime.
 */
export class TableTime {
  readonly #clock: Clock;
  readonly #shift: (ms: number) => void;
  // An integer: moving it by whole epochs is exact.
  #origin: number;

  /** @param shift - subtracts a number of milliseconds from every time in the table. */
  constructor(clock: Clock, shift: (ms: number) => void) {
    this.#clock = clock;
    this.#shift = shift;
    this.#origin = Math.floor(clock.now());
  }

  /** Converts a clock time; 0 for a time before the origin and for `NaN`. */
  of(now: number): number {
    const t = now - this.#origin;
    if (t > EPOCH_MS) return this.#moveOrigin(now);
    // Also for `NaN`.
    if (!(t > 0)) return 0;
    return t;
  }

  /** Does the same as `of`, for times that may lie ahead of the clock: never moves the origin. */
  ofFuture(now: number): number {
    return Math.max(0, now - this.#origin);
  }

  /** Returns the clock time that belongs to `of(now)`. */
  atLeastOrigin(now: number): number {
    if (!(now > this.#origin)) return this.#origin;
    return now;
  }

  #moveOrigin(now: number): number {
    // Not beyond the clock: one wrong `now` of a caller must not move the origin into the future.
    const sure = Math.min(now, this.#clock.now()) - this.#origin;
    const ms = Math.floor(sure / EPOCH_MS) * EPOCH_MS;
    if (ms > 0) {
      this.#shift(ms);
      this.#origin += ms;
    }
    return now - this.#origin;
  }
}
