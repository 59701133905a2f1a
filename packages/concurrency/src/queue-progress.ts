import { WINDOW_CALLS, WINDOW_MS } from './recent-times.ts';

/** How many steps are kept. */
const SIZE = 32;

/** Starts within this time are one step. */
const STEP_MS = 0.05;

/**
 * How fast a queue of calls really moves: the time between the starts of queued calls. It is longer than the service time
 * divided by the limit where calls compute, because they share one thread.
 */
export class QueueProgress {
  readonly #at = new Array<number>(SIZE).fill(0);
  readonly #gapMs = new Array<number>(SIZE).fill(0);
  readonly #permits = new Array<number>(SIZE).fill(0);
  #steps = 0;
  #lastAt = Number.NaN;
  #permitsAtLast = 0;

  /** Calls begin to wait where none did: the time before says nothing of how fast the queue moves. */
  queueBegins(): void {
    this.#lastAt = Number.NaN;
    this.#permitsAtLast = 0;
  }

  /** A queued call of this cost started at `now`. Calls that started together share the gap to the next one. */
  started(now: number, cost: number): void {
    if (now - this.#lastAt < STEP_MS) this.#permitsAtLast += cost;
    else this.#step(now, cost);
  }

  #step(now: number, cost: number): void {
    if (this.#permitsAtLast > 0) {
      const slot = this.#steps++ % SIZE;
      this.#at[slot] = now;
      this.#gapMs[slot] = now - this.#lastAt;
      this.#permits[slot] = this.#permitsAtLast;
    }
    this.#lastAt = now;
    this.#permitsAtLast = cost;
  }

  /**
   * Milliseconds in which the queue moves on by one permit, as far as recent steps prove; 0 if they prove nothing. Only whole
   * service times count: within one, calls of equal length that started out of step end at uneven intervals.
   */
  msPerPermit(now: number, serviceMs: number): number {
    const windowMs = Math.max(WINDOW_MS, WINDOW_CALLS * serviceMs);
    let elapsedMs = 0;
    let permits = 0;
    for (let i = 0; i < Math.min(this.#steps, SIZE); i++) {
      const slot = (this.#steps - 1 - i) % SIZE;
      if (now - (this.#at[slot] as number) >= windowMs) break;
      elapsedMs += this.#gapMs[slot] as number;
      permits += this.#permits[slot] as number;
    }
    if (permits === 0) return 0;
    const provenMs = serviceMs > 0 ? Math.floor(elapsedMs / serviceMs) * serviceMs : elapsedMs;
    return provenMs / permits;
  }
}
