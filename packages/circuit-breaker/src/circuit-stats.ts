import type { CircuitState } from './state-machine.ts';

/** A snapshot of a `CircuitBreaker`: gauges and counters. */
export interface CircuitBreakerStats {
  readonly state: CircuitState;
  /** Failures in a row, while closed. */
  readonly consecutiveFailures: number;
  /** How often it has opened since it was last closed. */
  readonly openings: number;
  /** Calls in the window of the rates, and how many of them failed or were slow; 0 without rates. */
  readonly windowCalls: number;
  readonly windowFailures: number;
  readonly windowSlow: number;
  /** Calls that run now. */
  readonly active: number;
  /** Calls admitted so far, and how many of them counted as what. */
  readonly admitted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly ignored: number;
  /** Calls rejected so far. */
  readonly rejected: number;
}
