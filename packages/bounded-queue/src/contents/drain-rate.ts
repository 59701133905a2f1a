import type { Clock } from '@bp/core';
import { MAX_ESTIMATE_MS } from '@bp/core/kit';

/** A bucket ends with the first take after so many milliseconds; the rate is that of the current and the previous one. */
const BUCKET_MS = 500;
/** What was measured is forgotten when the queue was not under pressure for so long. */
const FORGET_AFTER_MS = 2000;

/**
 * Measures how fast a queue under pressure is emptied: from when it is full until it is far from it. A new rate is followed
 * within 2 s or three new times between takes, whichever is longer: then no older take is in the two buckets.
 */
export class DrainRate {
  readonly #clock: Clock;
  /** Whether takes are measured. */
  measuring = false;
  /** When the time up to the next take began to count. */
  #since = Number.NEGATIVE_INFINITY;
  #currentBegan = 0;
  #currentMs = 0;
  #currentTakes = 0;
  #previousMs = 0;
  #previousTakes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    if (this.measuring) return;
    this.measuring = true;
    const now = this.#clock.now();
    if (now - this.#since > FORGET_AFTER_MS) {
      this.#currentTakes = 0;
      this.#previousTakes = 0;
    }
    if (this.#currentTakes + this.#previousTakes === 0) {
      this.#currentBegan = now;
      this.#currentMs = 0;
      this.#previousMs = 0;
    }
    this.#since = now;
  }

  stop(): void {
    if (!this.measuring) return;
    this.measuring = false;
    this.#since = this.#clock.now();
  }

  /** An item was taken. */
  record(): void {
    const now = this.#clock.now();
    this.#currentMs += now - this.#since;
    this.#currentTakes++;
    this.#since = now;
    if (now - this.#currentBegan < BUCKET_MS) return;
    this.#previousMs = this.#currentMs;
    this.#previousTakes = this.#currentTakes;
    this.#currentBegan = now;
    this.#currentMs = 0;
    this.#currentTakes = 0;
  }

  /**
   * Milliseconds until `items` are taken, at most {@link MAX_ESTIMATE_MS}; undefined if no take was measured. A consumer that has
   * taken nothing for some time is expected to need as long again.
   */
  waitMs(items: number): number | undefined {
    const takes = this.#previousTakes + this.#currentTakes;
    if (!this.measuring || takes === 0) return undefined;
    const takenMs = this.#previousMs + this.#currentMs;
    const idleMs = this.#clock.now() - this.#since;
    // The next take counts once it takes longer than the others did.
    const perItemMs = Math.max(takenMs / takes, (takenMs + idleMs) / (takes + 1));
    if (!(perItemMs > 0)) return undefined;
    return Math.min(MAX_ESTIMATE_MS, Math.max(idleMs, Math.max(1, items) * perItemMs));
  }
}
