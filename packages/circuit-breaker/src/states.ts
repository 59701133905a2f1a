import type { Opening, ResolvedCircuitBreakerOptions } from './options.ts';
import { type CallWindow, createWindow } from './window.ts';

/** Closed lets everything through, open nothing, half-open a few probes; isolated is open by hand. */
export type CircuitState = 'CLOSED' | 'OPEN' | 'HALF_OPEN' | 'ISOLATED';

/**
 * The state machine: what counts, when it changes state, and nothing else. Every change of state begins a new
 * generation, and an outcome that belongs to an earlier one changes nothing.
 *
 * Time passes only when it is told `now`; from OPEN to HALF_OPEN, and from HALF_OPEN back when probes hang, it goes
 * the next time somebody asks.
 */
export class StateMachine {
  readonly #options: ResolvedCircuitBreakerOptions;
  readonly #onChange: (from: CircuitState, to: CircuitState, error: unknown) => void;
  readonly #window: CallWindow | undefined;
  #state: CircuitState = 'CLOSED';
  #generation = 0;
  #consecutiveFailures = 0;
  /** When OPEN or HALF_OPEN ends. */
  #until = 0;
  /** How often it has opened since it was last closed. */
  #openings = 0;
  #probesOut = 0;
  #probeSuccesses = 0;
  #probeFailures = 0;

  constructor(
    options: ResolvedCircuitBreakerOptions,
    onChange: (from: CircuitState, to: CircuitState, error: unknown) => void,
  ) {
    this.#options = options;
    this.#onChange = onChange;
    this.#window = options.trip.window && createWindow(options.trip.window);
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

  /** Whether a call needs to be told the time at all: not while closed. */
  get isClosed(): boolean {
    return this.#state === 'CLOSED';
  }

  stateAt(now: number): CircuitState {
    this.#pass(now);
    return this.#state;
  }

  /** Takes a place for one call; false if there is none. */
  admit(now: number): boolean {
    if (this.#state === 'CLOSED') return true;
    this.#pass(now);
    if (this.#state !== 'HALF_OPEN') return false;
    if (this.#probesOut + this.#probeSuccesses + this.#probeFailures >= this.#options.halfOpenProbes)
      return false;
    this.#probesOut++;
    return true;
  }

  /** Milliseconds until a call may be admitted, as far as time alone decides; Infinity while isolated. */
  retryAfterMs(now: number): number {
    this.#pass(now);
    if (this.#state === 'CLOSED') return 0;
    if (this.#state === 'ISOLATED') return Number.POSITIVE_INFINITY;
    const probesTaken = this.#probesOut + this.#probeSuccesses + this.#probeFailures;
    if (this.#state === 'HALF_OPEN' && probesTaken < this.#options.halfOpenProbes) return 0;
    return Math.max(0, this.#until - now);
  }

  succeed(generation: number, slow: boolean, now: number): void {
    if (!this.#counts(generation, now)) return;
    if (this.#state === 'CLOSED') {
      this.#consecutiveFailures = 0;
      this.#window?.record(false, slow, now);
      if (slow) this.#openIfRatesSay(undefined, now);
    } else {
      this.#probesOut--;
      this.#probeSuccesses++;
      if (this.#probeSuccesses >= this.#options.halfOpenSuccesses) this.close();
    }
  }

  fail(generation: number, slow: boolean, error: unknown, now: number): void {
    if (!this.#counts(generation, now)) return;
    if (this.#state === 'CLOSED') {
      this.#consecutiveFailures++;
      this.#window?.record(true, slow, now);
      if (this.#consecutiveFailures >= this.#options.trip.consecutiveFailures) this.#open(error, now);
      else this.#openIfRatesSay(error, now);
    } else {
      this.#probesOut--;
      this.#probeFailures++;
      const { halfOpenProbes, halfOpenSuccesses } = this.#options;
      if (this.#probeFailures > halfOpenProbes - halfOpenSuccesses) this.#open(error, now);
    }
  }

  /** A call that counts neither way hands its place back. */
  ignore(generation: number, now: number): void {
    if (this.#counts(generation, now) && this.#state === 'HALF_OPEN') this.#probesOut--;
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
    this.#until = now + ms;
    this.#become('OPEN', undefined);
  }

  #counts(generation: number, now: number): boolean {
    this.#pass(now);
    return generation === this.#generation && (this.#state === 'CLOSED' || this.#state === 'HALF_OPEN');
  }

  #pass(now: number): void {
    if (now < this.#until) return;
    if (this.#state === 'OPEN') {
      this.#probesOut = 0;
      this.#probeSuccesses = 0;
      this.#probeFailures = 0;
      this.#until = now + this.#options.halfOpenMaxMs;
      this.#become('HALF_OPEN', undefined);
    } else if (this.#state === 'HALF_OPEN') {
      // With no probe out nobody hangs: it has only been quiet.
      if (this.#probesOut > 0) this.#open(undefined, now);
      else this.#until = now + this.#options.halfOpenMaxMs;
    }
  }

  #openIfRatesSay(error: unknown, now: number): void {
    const window = this.#window;
    const { minCalls, failureRate, slowCallRate } = this.#options.trip;
    if (window === undefined || window.calls < minCalls) return;
    if (window.failures >= failureRate * window.calls || window.slow >= slowCallRate * window.calls) {
      this.#open(error, now);
    }
  }

  #open(error: unknown, now: number): void {
    this.#openings++;
    this.#until = now + this.#openMs({ error, openings: this.#openings });
    this.#become('OPEN', error);
  }

  #openMs(opening: Opening): number {
    const { openFor, backoffFor, retryAfterOf, maxOpenMs, jitter, random } = this.#options;
    const own = openFor(opening);
    const hint = retryAfterOf(opening.error);
    // Functions that answer nonsense must not leave the breaker open for ever or not at all.
    const wished = Math.max(own > 0 ? own : backoffFor(opening), hint !== undefined && hint > 0 ? hint : 0);
    return Math.min(wished * (1 + jitter * random()), maxOpenMs);
  }

  #become(to: CircuitState, error: unknown): void {
    const from = this.#state;
    this.#state = to;
    this.#generation++;
    if (from !== to) this.#onChange(from, to, error);
  }
}
