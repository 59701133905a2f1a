import { MAX_ESTIMATE_MS } from '@bp/core/kit';
import { QueueProgress } from './queue-progress.ts';
import { RecentTimes } from './recent-times.ts';

/** Nearly all calls take less than the mean and this many mean deviations (V. Jacobson, "Congestion Avoidance and Control", 1988). */
const DEVIATIONS = 4;

/** Until a call has ended, the age of a running call says something only from this age on. */
const MIN_AGE_MS = 50;

/** The estimate where calls are shorter than the clock can measure: 0 would mean that no wait is needed. */
const SHORTEST_WAIT_MS = 0.1;

/**
 * Estimates how long a call would wait, from what was measured recently. Two things bound how fast a queue moves: how long a
 * call takes, divided by the limit (Little's law); and how far apart queued calls really start.
 *
 * Every estimate is at most `MAX_ESTIMATE_MS`, undefined while nothing is known, and follows a change within two seconds or
 * three calls, whichever is longer.
 */
export class WaitEstimator {
  readonly #service = new RecentTimes();
  readonly #waits = new RecentTimes();
  readonly #progress = new QueueProgress();
  #firstStart: number | undefined;
  /** No call started between this time and now if {@link #startsSeen} calls have started by now. */
  #noStartSince = 0;
  #startsSeen = 0;

  /** Whether a call has ended that was timed. */
  get isMeasured(): boolean {
    return !this.#service.isEmpty;
  }

  /** The mean time for which the last calls held their permit; undefined until a call has ended. */
  get serviceMs(): number | undefined {
    return this.#service.lastMeanMs;
  }

  /** The mean time for which the last queued calls waited; undefined until one has started. */
  get waitMs(): number | undefined {
    return this.#waits.lastMeanMs;
  }

  /** A call was started at `now`; with it `starts` calls have been started. */
  started(now: number, starts: number): void {
    this.#firstStart ??= now;
    this.#noStartSince = now;
    this.#startsSeen = starts;
  }

  /** A call that was started `ms` ago has ended. */
  ended(now: number, ms: number): void {
    this.#service.record(now, ms);
  }

  /** Calls begin to wait where none did. */
  queueBegins(): void {
    this.#progress.queueBegins();
  }

  /** A queued call was started. @param since - when it began to wait, if that was measured. */
  queuedCallStarted(now: number, starts: number, cost: number, since: number | undefined): void {
    this.started(now, starts);
    this.#progress.started(now, cost);
    if (since !== undefined) this.#waits.record(now, now - since);
  }

  /**
   * How long a call is expected to take; undefined if nothing is known.
   * @param starts - how many calls have been started; @param blocked - whether running calls keep the next one waiting: all of
   * them are at least as old as the last start, so work that hangs shows at once.
   */
  expectedMs(now: number, starts: number, blocked: boolean): number | undefined {
    const meanMs = this.#service.meanMs(now);
    const ageMs = blocked ? this.#youngestAgeMs(now, starts) : 0;
    if (meanMs !== undefined) return Math.max(meanMs, ageMs);
    const oldestMs = this.#service.isEmpty && this.#firstStart !== undefined ? now - this.#firstStart : 0;
    const knownMs = Math.max(ageMs, oldestMs);
    return knownMs >= MIN_AGE_MS ? knownMs : undefined;
  }

  /** How long almost any call takes; undefined if nothing is known. */
  longestMs(now: number, starts: number, blocked: boolean): number | undefined {
    const expectedMs = this.expectedMs(now, starts, blocked);
    return expectedMs === undefined ? undefined : expectedMs + DEVIATIONS * this.#service.deviationMs(now);
  }

  /** Milliseconds, above 0, until `permits` (> 0) have come back under `limit`; undefined if nothing is known. */
  waitForMs(permits: number, now: number, starts: number, limit: number): number | undefined {
    const expectedMs = this.expectedMs(now, starts, true);
    if (expectedMs === undefined || limit === 0) return undefined;
    const measuredMs = this.#progress.msPerPermit(now, this.#service.meanMs(now) ?? 0);
    const waitMs = permits * Math.max(expectedMs / limit, measuredMs);
    return waitMs === 0 ? SHORTEST_WAIT_MS : Math.min(MAX_ESTIMATE_MS, waitMs);
  }

  /** A lower bound of the age of every running call. */
  #youngestAgeMs(now: number, starts: number): number {
    // Not every start is timed: this one happened at some time before now.
    if (starts !== this.#startsSeen) this.started(now, starts);
    return now - this.#noStartSince;
  }
}
