const WINDOW_MS = 1000;
/** A smaller spread counts as none: jitter does as well. */
const MIN_SPREAD_MS = 100;

/**
 * Computes over how many milliseconds shed clients should return, so that they return no faster than others are admitted. Every
 * second the spread grows while more requests are rejected than admitted and shrinks while fewer are, at most to the double or the half.
 * A second without rejections halves it.
 */
export class ReturnSpread {
  readonly #maxMs: number;
  #windowStart = Number.NEGATIVE_INFINITY;
  #admitted = 0;
  #rejected = 0;
  #spreadMs = 0;

  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  admitted(now: number): void {
    this.#roll(now);
    this.#admitted++;
  }

  rejected(now: number): void {
    this.#roll(now);
    this.#rejected++;
  }

  /** Milliseconds over which rejected clients should return, beyond their `retryAfterMs`. */
  spreadMs(): number {
    if (this.#spreadMs > 0) return this.#spreadMs;
    // In the first second of an overload there is no earlier spread to adapt.
    return this.#rejected > this.#admitted ? Math.min(this.#maxMs, this.#ratio() * WINDOW_MS) : 0;
  }

  #ratio(): number {
    return this.#rejected / Math.max(1, this.#admitted);
  }

  #roll(now: number): void {
    const windows = Math.floor((now - this.#windowStart) / WINDOW_MS);
    if (windows < 1) return;
    this.#adapt();
    if (windows > 1) this.#spreadMs /= 2 ** Math.min(windows - 1, 100);
    if (this.#spreadMs < MIN_SPREAD_MS) this.#spreadMs = 0;
    this.#windowStart = now;
    this.#admitted = 0;
    this.#rejected = 0;
  }

  #adapt(): void {
    if (this.#rejected === 0) {
      this.#spreadMs /= 2;
    } else if (this.#spreadMs === 0) {
      this.#spreadMs = Math.min(this.#maxMs, this.#ratio() * WINDOW_MS);
    } else {
      const factor = Math.min(2, Math.max(0.5, this.#ratio()));
      this.#spreadMs = Math.min(this.#maxMs, this.#spreadMs * factor);
    }
  }
}
