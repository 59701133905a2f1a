import type { ResolvedSojournOptions } from '../options.ts';
import type { Entry } from '../order/entry.ts';
import { RingBuffer } from './ring-buffer.ts';

/** Entries that have waited longer than so many targets are stale while the queue is overloaded. */
const STALE_AFTER_TARGETS = 2;
/** Fewer entries that have left cost too little to be swept. */
const MIN_SWEEP = 32;

/**
 * Sojourn control: tells a queue that absorbs a burst from one that does not drain. A queue is overloaded once its oldest entry
 * has waited longer than the target at every take for an interval. Entries that have waited longer than twice the target are
 * stale then (B. Maurer, "Fail at Scale", ACM Queue 2015, after K. Nichols and V. Jacobson, "Controlling Queue Delay",
 * ACM Queue 2012).
 */
export class Sojourn<T> {
  readonly #options: ResolvedSojournOptions;
  /** Oldest first, with some that have left. */
  readonly #entries = new RingBuffer<Entry<T>>();
  #queued = 0;
  #overloaded = false;
  #leastMs = 0;
  #intervalEnds = Number.NEGATIVE_INFINITY;

  constructor(options: ResolvedSojournOptions) {
    this.#options = options;
  }

  get overloaded(): boolean {
    return this.#overloaded;
  }

  /** Whether the newest entry is taken first now. */
  get newestFirst(): boolean {
    return this.#options.newestFirst && this.#overloaded;
  }

  enter(entry: Entry<T>): void {
    this.#entries.push(entry);
    this.#queued++;
  }

  /** An entry is no longer queued. */
  leave(): void {
    this.#queued--;
    if (this.#queued === 0) this.#reset();
    if (this.#entries.length > MIN_SWEEP + 2 * this.#queued) this.#entries.filter(({ queued }) => queued);
  }

  /** Samples how long the oldest entry has waited; called before each take. Returns whether overload begins. */
  sample(now: number): boolean {
    const oldest = this.#oldest();
    const waitedMs = oldest === undefined ? 0 : now - oldest.queuedAt;
    if (now < this.#intervalEnds) {
      this.#leastMs = Math.min(this.#leastMs, waitedMs);
      return false;
    }
    const before = this.#overloaded;
    this.#overloaded = this.#leastMs > this.#options.targetMs;
    this.#leastMs = waitedMs;
    this.#intervalEnds = now + this.#options.intervalMs;
    return this.#overloaded && !before;
  }

  /** A stale entry, if there is one. Never the last entry: taking that delays no other. */
  stale(now: number): Entry<T> | undefined {
    if (!this.#overloaded || this.#queued === 1) return undefined;
    const oldest = this.#oldest();
    if (oldest === undefined) return undefined;
    return now - oldest.queuedAt > STALE_AFTER_TARGETS * this.#options.targetMs ? oldest : undefined;
  }

  #oldest(): Entry<T> | undefined {
    while (this.#entries.peek()?.queued === false) this.#entries.shift();
    return this.#entries.peek();
  }

  #reset(): void {
    this.#overloaded = false;
    this.#leastMs = 0;
  }
}
