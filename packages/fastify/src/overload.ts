import type { Clock, Timer, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';

/** An overload began or ended. */
export interface OverloadChange {
  /** Whether requests are being rejected for load now. */
  readonly overloaded: boolean;
  /** How many were rejected for load since it began: 1 when it begins. */
  readonly rejected: number;
  /** Milliseconds since it began, when it ends. */
  readonly lastedMs: number;
}

/** An overload has ended when nobody was rejected for this long. */
export const QUIET_MS = 1000;

/** Turns rejections into the two moments worth telling: the first, and when there have been none for a second. */
export class Overload {
  readonly #clock: Clock;
  readonly #listeners = new Listeners<OverloadChange>();
  #timer: Timer | undefined;
  #beganAt: number | undefined;
  #lastAt = 0;
  #rejected = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOn(): boolean {
    return this.#beganAt !== undefined;
  }

  onChange(listener: (change: OverloadChange) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  rejected(now: number): void {
    this.#lastAt = now;
    this.#rejected++;
    if (this.#beganAt !== undefined) return;
    this.#beganAt = now;
    this.#rejected = 1;
    this.#lookAgain(QUIET_MS);
    this.#listeners.emit({ overloaded: true, rejected: 1, lastedMs: 0 });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #lookAgain(delayMs: number): void {
    this.#timer = this.#clock.setTimer(this.#look, delayMs, { keepAlive: false });
  }

  readonly #look = (): void => {
    const quietMs = this.#clock.now() - this.#lastAt;
    if (quietMs < QUIET_MS) {
      this.#lookAgain(QUIET_MS - quietMs);
      return;
    }
    const lastedMs = this.#lastAt - (this.#beganAt ?? this.#lastAt);
    this.#beganAt = undefined;
    this.#listeners.emit({ overloaded: false, rejected: this.#rejected, lastedMs });
  };
}
