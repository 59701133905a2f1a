import { MAX_ESTIMATE_MS } from '@bp/core/kit';
import type { CircuitOutcome } from './outcome.ts';

/** What the breaker must know about its probes. */
export interface ProbeOptions {
  readonly halfOpenProbes: number;
  readonly halfOpenSuccesses: number;
  readonly halfOpenMaxMs: number;
}

/**
 * The longest that a typical probe may count, and the longest spread. It bounds what an outdated measurement can cost: a
 * caller comes back after a second at the latest and then learns more.
 */
const MAX_MS = 1000;

/** The fractional part of its multiples fills an interval evenly, however many there are. */
const GOLDEN_RATIO = 0.618_033_988_749_895;

/** The calls that one HALF_OPEN period admits, and the estimate of when they will have decided. */
export class Probes {
  readonly #options: ProbeOptions;
  /** When the running probes began, oldest first. */
  readonly #running: number[] = [];
  #successes = 0;
  #failures = 0;
  #rejected = 0;
  /** Milliseconds that a successful call takes; undefined before the first one. */
  #typicalMs: number | undefined;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** Begins a new HALF_OPEN period. */
  restart(): void {
    this.#running.length = 0;
    this.#successes = 0;
    this.#failures = 0;
    this.#rejected = 0;
  }

  /** Whether no further probe is admitted. */
  get areFull(): boolean {
    return this.#running.length + this.#successes + this.#failures >= this.#options.halfOpenProbes;
  }

  /** Admits a probe if there is room. */
  tryAdmit(now: number): boolean {
    if (this.areFull) return false;
    this.#running.push(now);
    return true;
  }

  /** Counts a call that was rejected in this period. */
  countRejection(): void {
    this.#rejected++;
  }

  /** When the oldest running probe counts as failed; `Infinity` if none runs. */
  get hungAt(): number {
    const [oldest] = this.#running;
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest + this.#options.halfOpenMaxMs;
  }

  /** Ends the probe that began at `startedAt`. Returns whether all have passed or failed; undefined while that is open. */
  settle(outcome: CircuitOutcome, startedAt: number): 'passed' | 'failed' | undefined {
    const { halfOpenProbes, halfOpenSuccesses } = this.#options;
    this.#running.splice(this.#running.indexOf(startedAt), 1);
    if (outcome === 'success') this.#successes++;
    else if (outcome === 'failure') this.#failures++;
    if (this.#successes >= halfOpenSuccesses) return 'passed';
    return this.#failures > halfOpenProbes - halfOpenSuccesses ? 'failed' : undefined;
  }

  /** Measures a successful call, in any state: it is what a probe will take if the dependency has recovered. */
  measure(durationMs: number): void {
    const ms = Math.min(durationMs, MAX_MS);
    // Half of each new duration: three of them outweigh any history.
    this.#typicalMs = this.#typicalMs === undefined ? ms : (this.#typicalMs + ms) / 2;
  }

  /**
   * Estimates when the next rejected call may be admitted: 0 if a probe is admitted now, undefined if nothing was measured.
   *
   * A typical probe after the newest one began, the decision is due; a probe that takes longer will take as long again.
   * Calls are spread behind the decision in the order of their rejection, so that the load on the dependency grows by
   * `2 * halfOpenProbes` calls with each probe time, as a linear slow start does. Within the first second, that is; the
   * spread is no longer.
   */
  retryAfterMs(now: number): number | undefined {
    if (!this.areFull) return 0;
    const typicalMs = this.#typicalMs;
    const newest = this.#running.at(-1);
    if (typicalMs === undefined || newest === undefined) return undefined;
    const elapsedMs = now - newest;
    const dueMs = elapsedMs < typicalMs ? typicalMs - elapsedMs : elapsedMs;
    return Math.min(Math.max(1, dueMs), this.hungAt - now, MAX_ESTIMATE_MS) + this.#spreadMs(typicalMs);
  }

  #spreadMs(typicalMs: number): number {
    const rampMs = typicalMs * Math.sqrt(this.#rejected / this.#options.halfOpenProbes);
    return rampMs <= MAX_MS ? rampMs : MAX_MS * ((this.#rejected * GOLDEN_RATIO) % 1);
  }
}
