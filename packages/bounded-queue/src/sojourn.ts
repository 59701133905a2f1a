import { checkBoolean, checkOptions, checkPositive } from '@bp/core/kit';
import type { Entry } from './entry.ts';
import { RingBuffer } from './ring-buffer.ts';

/** What a queue does about items that wait too long. */
export interface SojournOptions {
  /** Milliseconds that the oldest may wait all the time before the queue counts as overloaded (> 0). Default: 50. */
  readonly targetMs?: number | undefined;
  /** Milliseconds for which it must have waited that long (> 0). Default: 100. */
  readonly intervalMs?: number | undefined;
  /** Whether the newest item comes out first while the queue is overloaded, the oldest having least time left. Default: false. */
  readonly newestFirst?: boolean | undefined;
}

const TARGET_MS = 50;
const INTERVAL_MS = 100;
/** What has waited longer than so many targets is dropped while the queue is overloaded. */
const STALE_AFTER_TARGETS = 2;
/** So many that have left it is not worth while to clear away. */
const FEW = 32;

/**
 * Tells a queue that absorbs a burst from one that stands: overloaded is one in which the oldest item has waited longer than
 * the target at every look for an interval. Then whatever has waited longer than twice the target is stale (B. Maurer,
 * "Fail at Scale", ACM Queue 2015, after K. Nichols and V. Jacobson, "Controlling Queue Delay", ACM Queue 2012).
 */
export class Sojourn<T> {
  readonly #targetMs: number;
  readonly #intervalMs: number;
  readonly #newestFirst: boolean;
  /** In order of arrival, with some that have left. */
  readonly #arrivals = new RingBuffer<Entry<T>>();
  #waiting = 0;
  #overloaded = false;
  #leastMs = 0;
  #intervalEnds = Number.NEGATIVE_INFINITY;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: SojournOptions) {
    checkOptions(options);
    this.#targetMs = checkPositive('sojourn.targetMs', options.targetMs ?? TARGET_MS);
    this.#intervalMs = checkPositive('sojourn.intervalMs', options.intervalMs ?? INTERVAL_MS);
    this.#newestFirst = checkBoolean('sojourn.newestFirst', options.newestFirst ?? false);
  }

  /** Whether the newest comes out first now. */
  get newestFirst(): boolean {
    return this.#newestFirst && this.#overloaded;
  }

  enter(entry: Entry<T>): void {
    this.#arrivals.push(entry);
    this.#waiting++;
  }

  /** One that was entered is not queued any more. */
  leave(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#calmDown();
    if (this.#arrivals.length > FEW + 2 * this.#waiting) this.#arrivals.filter(({ queued }) => queued);
  }

  /** Looks at how long the oldest has waited, whenever one is about to be taken. Returns whether overload begins. */
  look(now: number): boolean {
    const oldest = this.#oldest();
    const waitedMs = oldest === undefined ? 0 : now - oldest.since;
    if (now < this.#intervalEnds) {
      this.#leastMs = Math.min(this.#leastMs, waitedMs);
      return false;
    }
    const before = this.#overloaded;
    this.#overloaded = this.#leastMs > this.#targetMs;
    this.#leastMs = waitedMs;
    this.#intervalEnds = now + this.#intervalMs;
    return this.#overloaded && !before;
  }

  /** One that has waited too long, if any; never the last, for it costs nobody anything to serve that. */
  stale(now: number): Entry<T> | undefined {
    if (!this.#overloaded || this.#waiting === 1) return undefined;
    const oldest = this.#oldest();
    if (oldest === undefined) return undefined;
    return now - oldest.since > STALE_AFTER_TARGETS * this.#targetMs ? oldest : undefined;
  }

  #oldest(): Entry<T> | undefined {
    while (this.#arrivals.peek()?.queued === false) this.#arrivals.shift();
    return this.#arrivals.peek();
  }

  #calmDown(): void {
    this.#overloaded = false;
    this.#leastMs = 0;
  }
}
