import { ServiceTime } from './service-time.ts';

/** So many of the last gaps count. */
const GAPS = 32;

/** Nearly all calls take less than the mean and so many mean deviations (V. Jacobson, "Congestion Avoidance and Control", 1988). */
const DEVIATIONS = 4;

/**
 * What a limiter has measured of its work, and what follows for whoever has to wait. Two things bound how fast a line
 * moves: how long a call takes, divided by how many run at once; and how far apart calls really were started while the
 * line lasted, which is more where they compute, because they share one thread.
 */
export class Pace {
  readonly #service = new ServiceTime();
  readonly #wait = new ServiceTime();
  #firstStart: number | undefined;
  #lastStart = 0;
  /** When the line last moved, and by how many permits at that moment. */
  #lastMove = Number.NaN;
  #moved = 0;
  /** The mean gap between permits handed on, how much gaps differ from it, and how much of both is known. */
  #gapMs = 0;
  #spreadMs = 0;
  #gaps = 0;
  #looks = 0;

  /** How long a permit is out: a mean that follows the last calls; undefined until one came back. */
  get serviceMs(): number | undefined {
    return this.#service.meanMs;
  }

  /** How long those who waited have waited; undefined until one was started. */
  get waitMs(): number | undefined {
    return this.#wait.meanMs;
  }

  /** A call was started; every call is reported while the limit is reached, and until one has ended. */
  started(now: number): void {
    this.#firstStart ??= now;
    this.#lastStart = now;
  }

  /** The limit was changed: who runs was started under another one. */
  limitChanged(now: number): void {
    this.#lastStart = now;
  }

  ended(ms: number): void {
    this.#service.record(ms);
  }

  /** Somebody waits, where nobody did: the time in between says nothing of how fast a line moves. */
  lineBegins(): void {
    this.#lastMove = Number.NaN;
    this.#moved = 0;
  }

  /** Somebody who weighs `weight` and has waited since `since`, if that is known, was started. */
  lineMoved(now: number, weight: number, since: number | undefined): void {
    if (since !== undefined) this.#wait.record(now - since);
    if (now !== this.#lastMove) {
      this.started(now);
      this.#measureGap(now);
    }
    this.#moved += weight;
  }

  /** Permits that were handed on at the same moment share the gap to the next one. */
  #measureGap(now: number): void {
    if (this.#moved > 0) {
      this.#gaps = Math.min(this.#gaps + this.#moved, GAPS);
      this.#looks = Math.min(this.#looks + 1, GAPS);
      const share = Math.min(1, this.#moved / this.#gaps);
      const differenceMs = (now - this.#lastMove) / this.#moved - this.#gapMs;
      this.#gapMs += differenceMs * share;
      this.#spreadMs += (Math.abs(differenceMs) - this.#spreadMs) * share;
    }
    this.#lastMove = now;
    this.#moved = 0;
  }

  /** The least the gap is likely to be: calls of equal length that began out of step end in uneven gaps. */
  get #leastGapMs(): number {
    return this.#looks === 0 ? this.#gapMs : this.#gapMs - (2 * this.#spreadMs) / this.#looks;
  }

  /**
   * How long a call is expected to take. Before any has ended, it is the age of the oldest: the first one still runs.
   * While the limit is reached every running call is at least as old as the last start, so work that hangs shows at once.
   */
  expectedMs(now: number, full: boolean): number | undefined {
    const { meanMs } = this.#service;
    if (meanMs === undefined) return this.#firstStart === undefined ? undefined : now - this.#firstStart;
    return full ? Math.max(meanMs, now - this.#lastStart) : meanMs;
  }

  /** How long almost any call takes; undefined where nothing is known. */
  longestMs(now: number, full: boolean): number | undefined {
    const expectedMs = this.expectedMs(now, full);
    return expectedMs === undefined ? undefined : expectedMs + DEVIATIONS * this.#service.deviationMs;
  }

  /** In how many milliseconds the line moves on by one permit; undefined where nothing is known. */
  msPerPermit(now: number, limit: number, full: boolean): number | undefined {
    const expectedMs = this.expectedMs(now, full);
    if (expectedMs === undefined || limit === 0) return undefined;
    return Math.max(expectedMs / limit, this.#leastGapMs);
  }
}
