import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOptions,
  checkPositive,
  neverThrowing,
} from '@bp/core/kit';
import type { Outcome } from './outcome.ts';

/** How a call settled, for `classify`. */
export type Settled = { readonly result: unknown } | { readonly error: unknown };

/** What is known when the breaker opens, for `openFor`. */
export interface Opening {
  /** The error that opened it; undefined if a result or a hung probe did. */
  readonly error: unknown;
  /** How many times it has opened since it was last closed, this time included. */
  readonly openings: number;
}

/** The calls that rates are formed of: the last `calls`, or those of the last `ms`. */
export type Window = { readonly calls: number } | { readonly ms: number };

/** When a breaker opens; the rules that are given combine, and any one of them opens it. */
export interface TripOptions {
  /** Failures in a row (>= 1). Default: 5, unless a rate is given; then none. */
  readonly consecutiveFailures?: number | undefined;
  /** Share of failures among the calls of the window (above 0, at most 1). Default: none. */
  readonly failureRate?: number | undefined;
  /** Share of calls of the window that took longer than `slowCallMs` (above 0, at most 1). Default: none. */
  readonly slowCallRate?: number | undefined;
  /** Milliseconds from which a call is slow (> 0). Needed with `slowCallRate`. */
  readonly slowCallMs?: number | undefined;
  /** What rates are formed of. Default: the last 100 calls. */
  readonly window?: Window | undefined;
  /** Calls in the window below which no rate opens the breaker (>= 1). Default: 20. */
  readonly minCalls?: number | undefined;
}

/** Options of `CircuitBreaker`. */
export interface CircuitBreakerOptions extends TripOptions {
  /** Milliseconds it stays open the first time (> 0). Default: 60 000. */
  readonly openMs?: number | undefined;
  /** By how much each opening is longer than the one before, until it has closed (>= 1). Default: 1. */
  readonly openBackoff?: number | undefined;
  /** The longest it stays open in milliseconds, whatever asks for more (>= `openMs`). Default: 1 hour, at least `openMs`. */
  readonly maxOpenMs?: number | undefined;
  /**
   * How long it stays open instead, in milliseconds, from what opened it. Default: `openMs * openBackoff^(openings - 1)`,
   * which also holds if this throws or answers no number above 0.
   */
  readonly openFor?: ((opening: Opening) => number) | undefined;
  /** The share of the open time (0 to 1) that is drawn at random on top, so that many do not probe together. Default: 0. */
  readonly jitter?: number | undefined;
  /** Calls let through while HALF_OPEN (>= 1). Default: 3. */
  readonly halfOpenProbes?: number | undefined;
  /** The share of the probes that must succeed to close it (above 0, at most 1). Default: 1. */
  readonly halfOpenSuccessRate?: number | undefined;
  /** Milliseconds after which probes without an outcome count as failed (> 0). Default: `openMs`. */
  readonly halfOpenMaxMs?: number | undefined;
  /**
   * What a settled call counts as; undefined leaves it to the default: results are successes, errors failures, but
   * rejections by other primitives and the caller's own cancellation are ignored. The caller of `execute` is given its result
   * or error whatever this says; if it throws the default holds, and what it threw surfaces as an uncaught exception.
   */
  readonly classify?: ((settled: Settled) => Outcome | undefined) | undefined;
  /**
   * Milliseconds for which a failed dependency asked to be left alone; the breaker then stays open at least as long.
   * Default: the error's `retryAfterMs`, if that is a number.
   */
  readonly retryAfterOf?: ((error: unknown) => number | undefined) | undefined;
  /** Whether it only counts and tells, and lets everything through. Default: false. */
  readonly shadow?: boolean | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `circuit-breaker`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Numbers from 0 to 1 for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The rules as the code holds them; a rule that is not given can never be met. */
export interface ResolvedTripOptions {
  readonly consecutiveFailures: number;
  readonly failureRate: number;
  readonly slowCallRate: number;
  readonly slowCallMs: number;
  /** Undefined if no rate is formed. */
  readonly window: Window | undefined;
  readonly minCalls: number;
}

/** The same as the code holds it: nothing is undefined. */
export interface ResolvedCircuitBreakerOptions {
  readonly trip: ResolvedTripOptions;
  readonly openFor: (opening: Opening) => number;
  /** The same without a function of the caller's own. */
  readonly backoffFor: (opening: Opening) => number;
  readonly maxOpenMs: number;
  readonly jitter: number;
  readonly halfOpenProbes: number;
  /** Successes among the probes that close it. */
  readonly halfOpenSuccesses: number;
  readonly halfOpenMaxMs: number;
  /** Undefined if every call counts as it does by default: no call then pays for asking. */
  readonly classify: ((settled: Settled) => Outcome | undefined) | undefined;
  readonly retryAfterOf: (error: unknown) => number | undefined;
  readonly shadow: boolean;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const NEVER = Number.POSITIVE_INFINITY;
const HOUR_MS = 3_600_000;

const checkShare = (name: string, value: unknown): number => checkBetween(name, value, Number.MIN_VALUE, 1);

function resolveTrip(options: TripOptions): ResolvedTripOptions {
  const { failureRate, slowCallRate, slowCallMs } = options;
  const window: Window = checkOptions(options.window ?? { calls: 100 });
  const rates = failureRate !== undefined || slowCallRate !== undefined;
  if ((slowCallRate === undefined) !== (slowCallMs === undefined)) {
    throw new TypeError('slowCallRate and slowCallMs must be given together');
  }
  if ('calls' in window) checkInteger('window.calls', window.calls);
  else checkPositive('window.ms', window.ms);
  const minCalls = checkInteger(
    'minCalls',
    options.minCalls ?? Math.min(20, 'calls' in window ? window.calls : 20),
  );
  if ('calls' in window && minCalls > window.calls) {
    throw new RangeError(`minCalls must be at most window.calls = ${window.calls}, got ${minCalls}`);
  }
  const consecutive = options.consecutiveFailures ?? (rates ? NEVER : 5);
  return {
    consecutiveFailures: consecutive === NEVER ? NEVER : checkInteger('consecutiveFailures', consecutive),
    failureRate: failureRate === undefined ? NEVER : checkShare('failureRate', failureRate),
    slowCallRate: slowCallRate === undefined ? NEVER : checkShare('slowCallRate', slowCallRate),
    slowCallMs: slowCallMs === undefined ? NEVER : checkPositive('slowCallMs', slowCallMs),
    window: rates ? window : undefined,
    minCalls,
  };
}

const ownRetryAfter = (error: unknown): number | undefined => {
  const hint = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof hint === 'number' ? hint : undefined;
};

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: CircuitBreakerOptions): ResolvedCircuitBreakerOptions {
  const trip = resolveTrip(checkOptions(options));
  const openMs = checkPositive('openMs', options.openMs ?? 60_000);
  const openBackoff = checkPositive('openBackoff', options.openBackoff ?? 1);
  if (openBackoff < 1) throw new RangeError(`openBackoff must be at least 1, got ${openBackoff}`);
  const maxOpenMs = checkPositive('maxOpenMs', options.maxOpenMs ?? Math.max(HOUR_MS, openMs));
  if (maxOpenMs < openMs) {
    throw new RangeError(`maxOpenMs must be at least openMs = ${openMs}, got ${maxOpenMs}`);
  }
  const probes = checkInteger('halfOpenProbes', options.halfOpenProbes ?? 3);
  const backoffFor = ({ openings }: Opening): number => openMs * openBackoff ** (openings - 1);
  return {
    trip,
    openFor: neverThrowing(checkFunction('openFor', options.openFor ?? backoffFor), backoffFor),
    backoffFor,
    maxOpenMs,
    jitter: checkBetween('jitter', options.jitter ?? 0, 0, 1),
    halfOpenProbes: probes,
    halfOpenSuccesses: Math.ceil(
      probes * checkShare('halfOpenSuccessRate', options.halfOpenSuccessRate ?? 1),
    ),
    halfOpenMaxMs: checkPositive('halfOpenMaxMs', options.halfOpenMaxMs ?? openMs),
    classify: options.classify && neverThrowing(checkFunction('classify', options.classify), () => undefined),
    retryAfterOf: neverThrowing(
      checkFunction('retryAfterOf', options.retryAfterOf ?? ownRetryAfter),
      () => undefined,
    ),
    shadow: checkBoolean('shadow', options.shadow ?? false),
    name: checkName('name', options.name ?? 'circuit-breaker'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? Math.random),
  };
}
