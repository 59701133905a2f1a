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
  optionNames,
} from '@bp/core/kit';
import type { CircuitOutcome } from './outcome.ts';
import { type CircuitTripOptions, type ResolvedTripOptions, resolveTrip } from './trip-options.ts';

/** How a call ended, for `classify`. */
export type CircuitResult = { readonly result: unknown } | { readonly error: unknown };

/** Why a breaker opens, for `openFor`. */
export interface CircuitOpening {
  /** The error that opened it; undefined if a result or a hung probe did. */
  readonly error: unknown;
  /** How often it has opened since it was last closed, this time included. */
  readonly openings: number;
}

/** Options of `CircuitBreaker`. */
export interface CircuitBreakerOptions extends CircuitTripOptions {
  /** Milliseconds for which it stays open the first time (> 0). Default: 60 000. */
  readonly openMs?: number | undefined;
  /** Factor by which each opening is longer than the one before, until it closes (>= 1). Default: 1. */
  readonly openBackoff?: number | undefined;
  /** The most milliseconds it stays open, whatever asks for more (>= `openMs`). Default: 1 hour, at least `openMs`. */
  readonly maxOpenMs?: number | undefined;
  /**
   * Computes the milliseconds for which it stays open from the reason. Default: `openMs * openBackoff^(openings - 1)`, which
   * also holds if this throws or returns no number above 0.
   */
  readonly openFor?: ((opening: CircuitOpening) => number) | undefined;
  /** The most that is added to the open time at random, as a share of it (0 to 1), so that processes do not probe together. Default: 0. */
  readonly jitter?: number | undefined;
  /** Calls admitted while HALF_OPEN (>= 1). Default: 3. */
  readonly halfOpenProbes?: number | undefined;
  /** The share of the probes that must succeed to close it (above 0, at most 1). Default: 1. */
  readonly halfOpenSuccessRate?: number | undefined;
  /** Milliseconds after which a running probe counts as failed (> 0). Default: `openMs`. */
  readonly halfOpenMaxMs?: number | undefined;
  /**
   * Milliseconds that a call must have had for its missed deadline to count as a failure (> 0). Default: half the time limit
   * that `timeout` or `attemptTimeoutMs` gives the call; 1000 for a call with only a deadline or signal of its caller.
   */
  readonly minTimeoutMs?: number | undefined;
  /**
   * Decides what an ended call counts as; undefined leaves it to the default: results are successes and errors are failures,
   * except rejections by primitives, cancellations by the caller, and deadlines below `minTimeoutMs`, which are ignored. The
   * caller of `execute` gets its result or error whatever this returns. If it throws, the default holds and its error
   * surfaces as an uncaught exception.
   */
  readonly classify?: ((ended: CircuitResult) => CircuitOutcome | undefined) | undefined;
  /**
   * Reads from an error the milliseconds for which the dependency wants no calls; the breaker then stays open at least as
   * long, up to `maxOpenMs`. Default: the error's `retryAfterMs`. Anything but a finite number above 0 means unknown.
   */
  readonly retryAfterOf?: ((error: unknown) => number | undefined) | undefined;
  /** Whether it changes state and counts, but admits every call. Default: false. */
  readonly shadow?: boolean | undefined;
  /** The `rejectedBy` of its rejections (1 to 100 characters). Default: `circuit-breaker`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Returns numbers from 0 to 1 for the jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The names of all options of `CircuitBreaker`. */
export const circuitBreakerOptionNames: readonly string[] =
  /* @__PURE__ */ optionNames<CircuitBreakerOptions>({
    consecutiveFailures: true,
    failureRate: true,
    slowCallRate: true,
    slowCallMs: true,
    window: true,
    minCalls: true,
    openMs: true,
    openBackoff: true,
    maxOpenMs: true,
    openFor: true,
    jitter: true,
    halfOpenProbes: true,
    halfOpenSuccessRate: true,
    halfOpenMaxMs: true,
    minTimeoutMs: true,
    classify: true,
    retryAfterOf: true,
    shadow: true,
    name: true,
    clock: true,
    random: true,
  });

/** The options with all defaults. */
export interface ResolvedCircuitBreakerOptions {
  readonly trip: ResolvedTripOptions;
  readonly openFor: (opening: CircuitOpening) => number;
  /** The default of `openFor`. */
  readonly backoffFor: (opening: CircuitOpening) => number;
  readonly maxOpenMs: number;
  readonly jitter: number;
  readonly halfOpenProbes: number;
  /** Successes among the probes that close it. */
  readonly halfOpenSuccesses: number;
  readonly halfOpenMaxMs: number;
  /** Undefined for the default, which depends on the call. */
  readonly minTimeoutMs: number | undefined;
  /** Undefined for the default, which then costs no call. */
  readonly classify: ((ended: CircuitResult) => CircuitOutcome | undefined) | undefined;
  readonly retryAfterOf: (error: unknown) => number | undefined;
  readonly shadow: boolean;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const HOUR_MS = 3_600_000;

const ownRetryAfter = (error: unknown): number | undefined => {
  const own = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof own === 'number' ? own : undefined;
};

/** Returns the smallest count whose share of `total` is at least `rate`. */
function countFor(rate: number, total: number): number {
  const count = Math.ceil(total * rate);
  // The product may be a rounding error above a whole number: 100 * 0.07 is above 7.
  return (count - 1) / total >= rate ? count - 1 : count;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(
  options: CircuitBreakerOptions,
  names: readonly string[] = circuitBreakerOptionNames,
): ResolvedCircuitBreakerOptions {
  const trip = resolveTrip(checkOptions(options, names));
  const openMs = checkPositive('openMs', options.openMs ?? 60_000);
  const openBackoff = checkPositive('openBackoff', options.openBackoff ?? 1);
  if (openBackoff < 1) throw new RangeError(`openBackoff must be at least 1, got ${openBackoff}`);
  const maxOpenMs = checkPositive('maxOpenMs', options.maxOpenMs ?? Math.max(HOUR_MS, openMs));
  if (maxOpenMs < openMs) {
    throw new RangeError(`maxOpenMs must be at least openMs = ${openMs}, got ${maxOpenMs}`);
  }
  const probes = checkInteger('halfOpenProbes', options.halfOpenProbes ?? 3);
  const successRate = checkBetween(
    'halfOpenSuccessRate',
    options.halfOpenSuccessRate ?? 1,
    Number.MIN_VALUE,
    1,
  );
  const backoffFor = ({ openings }: CircuitOpening): number => openMs * openBackoff ** (openings - 1);
  const { minTimeoutMs, classify, retryAfterOf = ownRetryAfter } = options;
  return {
    trip,
    openFor: neverThrowing(checkFunction('openFor', options.openFor ?? backoffFor), backoffFor),
    backoffFor,
    maxOpenMs,
    jitter: checkBetween('jitter', options.jitter ?? 0, 0, 1),
    halfOpenProbes: probes,
    halfOpenSuccesses: countFor(successRate, probes),
    halfOpenMaxMs: checkPositive('halfOpenMaxMs', options.halfOpenMaxMs ?? openMs),
    minTimeoutMs: minTimeoutMs === undefined ? undefined : checkPositive('minTimeoutMs', minTimeoutMs),
    classify: classify && neverThrowing(checkFunction('classify', classify), () => undefined),
    retryAfterOf: neverThrowing(checkFunction('retryAfterOf', retryAfterOf), () => undefined),
    shadow: checkBoolean('shadow', options.shadow ?? false),
    name: checkName('name', options.name ?? 'circuit-breaker'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: neverThrowing(checkFunction('random', options.random ?? Math.random), () => 0),
  };
}
