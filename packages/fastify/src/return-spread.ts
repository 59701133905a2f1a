const WINDOW_MS = 1000;
/** A spread below this is none: the jitter of the wait itself does as well. */
const LEAST_MS = 100;

/**
 * Over how long those who are rejected for overload should return, so that they come back no faster than others are
 * admitted. Every second the spread grows while more are rejected than admitted and shrinks while fewer are, at most by
 * half or to the double, and it halves when nobody is.
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

  /** Milliseconds within which the rejected should return, beyond the time for which they are rejected anyway. */
  spreadMs(): number {
    if (this.#spreadMs > 0) return this.#spreadMs;
    // The first second of an overload: nothing to adapt yet, so what has happened in it must do.
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
    if (this.#spreadMs < LEAST_MS) this.#spreadMs = 0;
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
