import type { CircuitWindow } from './trip-options.ts';

/** Counts the calls of which the rates are made, in O(1) a call and without timers. */
export interface CallWindow {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  record(failed: boolean, slow: boolean, now: number): void;
  /** Drops the calls that are too old at `now`. */
  expire(now: number): void;
  clear(): void;
}

const FAILED = 1;
const SLOW = 2;

/** The last `size` calls, two bits each. */
class CountWindow implements CallWindow {
  readonly #ring: Uint8Array;
  #next = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(failed: boolean, slow: boolean): void {
    const oldest = this.#ring[this.#next] ?? 0;
    if (this.calls === this.#ring.length) {
      if (oldest & FAILED) this.failures--;
      if (oldest & SLOW) this.slow--;
    } else {
      this.calls++;
    }
    this.#ring[this.#next] = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    if (failed) this.failures++;
    if (slow) this.slow++;
    this.#next = (this.#next + 1) % this.#ring.length;
  }

  expire(): void {}

  clear(): void {
    this.#next = 0;
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
  }
}

const BUCKETS = 10;

/** The calls of the last `ms`, in ten buckets; the oldest bucket is dropped as a whole. */
class TimeWindow implements CallWindow {
  readonly #bucketMs: number;
  readonly #calls = new Float64Array(BUCKETS);
  readonly #failures = new Float64Array(BUCKETS);
  readonly #slow = new Float64Array(BUCKETS);
  /** The number of the newest bucket, counted from time 0, and its index in the ring. */
  #newest = Number.NEGATIVE_INFINITY;
  #index = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(ms: number) {
    this.#bucketMs = ms / BUCKETS;
  }

  record(failed: boolean, slow: boolean, now: number): void {
    this.expire(now);
    const index = this.#index;
    this.#calls[index] = (this.#calls[index] ?? 0) + 1;
    this.calls++;
    if (failed) {
      this.#failures[index] = (this.#failures[index] ?? 0) + 1;
      this.failures++;
    }
    if (slow) {
      this.#slow[index] = (this.#slow[index] ?? 0) + 1;
      this.slow++;
    }
  }

  expire(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (!(bucket > this.#newest)) return;
    // Counted in steps: where bucket numbers exceed 2^53, adding 1 to one of them changes nothing.
    const steps = Math.min(bucket - this.#newest, BUCKETS);
    for (let step = 0; step < steps; step++) {
      this.#index = (this.#index + 1) % BUCKETS;
      this.#drop(this.#index);
    }
    this.#newest = bucket;
  }

  clear(): void {
    for (let index = 0; index < BUCKETS; index++) this.#drop(index);
  }

  #drop(index: number): void {
    this.calls -= this.#calls[index] ?? 0;
    this.failures -= this.#failures[index] ?? 0;
    this.slow -= this.#slow[index] ?? 0;
    this.#calls[index] = 0;
    this.#failures[index] = 0;
    this.#slow[index] = 0;
  }
}

/** Makes the window that the options describe. */
export function createWindow(window: CircuitWindow): CallWindow {
  return 'calls' in window ? new CountWindow(window.calls) : new TimeWindow(window.ms);
}
