import { type CallWindow, createWindow } from './call-window.ts';
import type { CircuitOpening, ResolvedCircuitBreakerOptions } from './options.ts';
import type { CircuitOutcome } from './outcome.ts';
import { Probes } from './probes.ts';

/**
 * `CLOSED` admits every call, `OPEN` none, `HALF_OPEN` a few probes; `ISOLATED` is opened by hand and admits none.
 */
export type CircuitState = 'CLOSED' | 'OPEN' | 'HALF_OPEN' | 'ISOLATED';

/**
 * The state machine of a breaker. Every change of state begins a new generation; an outcome of an earlier generation changes
 * nothing.
 *
 * There is no timer. Time passes when a method receives `now`, with the same result as if a timer had fired in time: OPEN
 * becomes HALF_OPEN when it is due, HALF_OPEN becomes OPEN when a probe hangs.
 */
export class StateMachine {
  readonly #options: ResolvedCircuitBreakerOptions;
  readonly #onChange: (from: CircuitState, to: CircuitState, error: unknown) => void;
  readonly #window: CallWindow | undefined;
  readonly #probes: Probes;
  #state: CircuitState = 'CLOSED';
  #generation = 0;
  #consecutiveFailures = 0;
  #openUntil = 0;
  /** How often it has opened since it was last closed. */
  #openings = 0;

  constructor(
    options: ResolvedCircuitBreakerOptions,
    onChange: (from: CircuitState, to: CircuitState, error: unknown) => void,
  ) {
    this.#options = options;
    this.#onChange = onChange;
    this.#window = options.trip.window && createWindow(options.trip.window);
    this.#probes = new Probes(options);
  }

  get generation(): number {
    return this.#generation;
  }

  get consecutiveFailures(): number {
    return this.#consecutiveFailures;
  }

  get openings(): number {
    return this.#openings;
  }

  get window(): CallWindow | undefined {
    return this.#window;
  }

  /** Whether every call is admitted, whatever the time. */
  get isClosed(): boolean {
    return this.#state === 'CLOSED';
  }

  stateAt(now: number): CircuitState {
    this.#pass(now);
    return this.#state;
  }

  /** Admits a call, as a probe while HALF_OPEN. */
  tryAdmit(now: number): boolean {
    this.#pass(now);
    if (this.#state === 'HALF_OPEN') return this.#probes.tryAdmit(now);
    return this.#state === 'CLOSED';
  }

  /**
   * Returns the milliseconds until the next rejected call may be admitted: 0 if a call is admitted now, exact while OPEN, an
   * estimate while HALF_OPEN, undefined if unknown.
   */
  retryAfterMs(now: number): number | undefined {
    this.#pass(now);
    if (this.#state === 'OPEN') return this.#openUntil - now;
    if (this.#state === 'HALF_OPEN') return this.#probes.retryAfterMs(now);
    return this.#state === 'CLOSED' ? 0 : undefined;
  }

  /** Counts a rejected call: the next one is given a later time. */
  countRejection(): void {
    this.#probes.countRejection();
  }

  /** Measures how long a successful call took. */
  measure(durationMs: number): void {
    this.#probes.measure(durationMs);
  }

  /**
   * Counts the outcome of a call that began at `startedAt`.
   * @param now - may be `NaN` for a success while CLOSED without a window of time.
   */
  settle(
    outcome: CircuitOutcome,
    generation: number,
    startedAt: number,
    slow: boolean,
    error: unknown,
    now: number,
  ): void {
    this.#pass(now);
    if (generation !== this.#generation) return;
    if (this.#state === 'CLOSED') {
      if (outcome !== 'ignored') this.#count(outcome === 'failure', slow, error, now);
    } else if (this.#state === 'HALF_OPEN') {
      const decision = this.#probes.settle(outcome, startedAt);
      if (decision === 'passed') this.close();
      else if (decision === 'failed') this.#open(error, now);
    }
  }

  close(): void {
    this.#openings = 0;
    this.#consecutiveFailures = 0;
    this.#window?.clear();
    this.#become('CLOSED', undefined);
  }

  isolate(): void {
    this.#become('ISOLATED', undefined);
  }

  /** Opens for `ms`, as if it had been opened `openings` times. */
  reopen(ms: number, openings: number, now: number): void {
    this.#openings = openings;
    this.#openUntil = now + ms;
    this.#become('OPEN', undefined);
  }

  #pass(now: number): void {
    if (this.#state === 'HALF_OPEN' && now >= this.#probes.hungAt) this.#open(undefined, this.#probes.hungAt);
    if (this.#state === 'OPEN' && now >= this.#openUntil) {
      this.#probes.restart();
      this.#become('HALF_OPEN', undefined);
    }
  }

  #count(failed: boolean, slow: boolean, error: unknown, now: number): void {
    this.#consecutiveFailures = failed ? this.#consecutiveFailures + 1 : 0;
    this.#window?.record(failed, slow, now);
    if (this.#consecutiveFailures >= this.#options.trip.consecutiveFailures || this.#rateIsReached()) {
      this.#open(error, now);
    }
  }

  // A success may reach a rate too: it may be the call that makes the window large enough, or come after others expired.
  #rateIsReached(): boolean {
    const window = this.#window;
    const { minCalls, failureRate, slowCallRate } = this.#options.trip;
    if (window === undefined || window.calls < minCalls) return false;
    // Divided, not multiplied: 7 / 100 is the number 0.07, but 0.07 * 100 is above 7.
    return window.failures / window.calls >= failureRate || window.slow / window.calls >= slowCallRate;
  }

  #open(error: unknown, at: number): void {
    this.#openings++;
    const openedAt = Number.isNaN(at) ? this.#options.clock.now() : at;
    this.#openUntil = openedAt + this.#openMs({ error, openings: this.#openings });
    this.#become('OPEN', error);
  }

  #openMs(opening: CircuitOpening): number {
    const { openFor, backoffFor, retryAfterOf, maxOpenMs, jitter, random } = this.#options;
    const own = openFor(opening);
    const asked = retryAfterOf(opening.error);
    // Callbacks that return nonsense must not keep the breaker open for ever or not at all.
    const atLeast = asked !== undefined && asked > 0 && asked !== Number.POSITIVE_INFINITY ? asked : 0;
    const openMs = Math.max(own > 0 ? own : backoffFor(opening), atLeast);
    const factor = 1 + jitter * random();
    return Math.min(factor > 1 ? openMs * factor : openMs, maxOpenMs);
  }

  #become(to: CircuitState, error: unknown): void {
    const from = this.#state;
    this.#state = to;
    this.#generation++;
    if (from !== to) this.#onChange(from, to, error);
  }
}
