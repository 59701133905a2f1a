import type { Clock, Timer, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';

/** The beginning or the end of an overload. */
export interface OverloadChange {
  /** Whether requests are being rejected for load now. */
  readonly overloaded: boolean;
  /** The primitive of the latest rejection: a source or `event-loop`. */
  readonly rejectedBy: string;
  /** Requests rejected for load since it began: 1 when it begins. */
  readonly rejected: number;
  /** Milliseconds from the first to the last rejection: 0 when it begins. */
  readonly lastedMs: number;
}

/** An overload has ended when no request was rejected for this long. */
const QUIET_MS = 1000;

/** Notifies when an overload begins, with its first rejection, and when it ends, a second after its last. */
export class OverloadMonitor {
  readonly #clock: Clock;
  readonly #listeners = new Listeners<OverloadChange>();
  #timer: Timer | undefined;
  #beganAt: number | undefined;
  #lastAt = 0;
  #rejected = 0;
  #rejectedBy = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether requests are rejected for load, or were in the last second. */
  get overloaded(): boolean {
    return this.#beganAt !== undefined;
  }

  onChange(listener: (change: OverloadChange) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  /** Counts a request that `rejectedBy` rejected for load. */
  countRejected(rejectedBy: string): void {
    const now = this.#clock.now();
    this.#lastAt = now;
    this.#rejectedBy = rejectedBy;
    this.#rejected++;
    if (this.#beganAt !== undefined) return;
    this.#beganAt = now;
    this.#rejected = 1;
    this.#checkAgain(QUIET_MS);
    this.#listeners.emit({ overloaded: true, rejectedBy, rejected: 1, lastedMs: 0 });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #checkAgain(delayMs: number): void {
    this.#timer = this.#clock.setTimer(this.#check, delayMs, { keepAlive: false });
  }

  readonly #check = (): void => {
    const quietMs = this.#clock.now() - this.#lastAt;
    if (quietMs < QUIET_MS) {
      this.#checkAgain(QUIET_MS - quietMs);
      return;
    }
    const lastedMs = this.#lastAt - (this.#beganAt ?? this.#lastAt);
    this.#beganAt = undefined;
    this.#listeners.emit({
      overloaded: false,
      rejectedBy: this.#rejectedBy,
      rejected: this.#rejected,
      lastedMs,
    });
  };
}
