import { checkBetween, checkInteger, checkOptions, checkPositive } from '@bp/core/kit';

/** The calls of which the rates are made: the last `calls`, or those of the last `ms`. */
export type CircuitWindow = { readonly calls: number } | { readonly ms: number };

/** When a breaker opens: as soon as one of the given rules is met. */
export interface CircuitTripOptions {
  /** Failures in a row (>= 1). Default: 5; none if a rate is given. */
  readonly consecutiveFailures?: number | undefined;
  /** Share of failures among the calls of the window (above 0, at most 1). Default: none. */
  readonly failureRate?: number | undefined;
  /** Share of calls of the window that took at least `slowCallMs` (above 0, at most 1). Default: none. */
  readonly slowCallRate?: number | undefined;
  /** Milliseconds from which a call is slow (> 0). Needed with `slowCallRate`. */
  readonly slowCallMs?: number | undefined;
  /** The calls of which the rates are made; only with a rate. Default: `{ calls: 100 }`. */
  readonly window?: CircuitWindow | undefined;
  /** Calls in the window below which no rate opens it (>= 1); only with a rate. Default: 20, at most `window.calls`. */
  readonly minCalls?: number | undefined;
}

const WINDOW_FIELDS: readonly string[] = ['calls', 'ms'];

/** The rules with all defaults; a rule that is not given can never be met. */
export interface ResolvedTripOptions {
  readonly consecutiveFailures: number;
  readonly failureRate: number;
  readonly slowCallRate: number;
  readonly slowCallMs: number;
  /** Undefined if there is no rate. */
  readonly window: CircuitWindow | undefined;
  readonly minCalls: number;
}

const NEVER = Number.POSITIVE_INFINITY;

const checkShare = (name: string, value: unknown): number => checkBetween(name, value, Number.MIN_VALUE, 1);

function checkWindow(window: CircuitWindow): CircuitWindow {
  const { calls, ms } = checkOptions<{ calls?: unknown; ms?: unknown }>(window, WINDOW_FIELDS, 'window');
  if ((calls === undefined) === (ms === undefined)) {
    throw new TypeError('window must have either calls or ms');
  }
  return calls !== undefined
    ? { calls: checkInteger('window.calls', calls) }
    : { ms: checkPositive('window.ms', ms) };
}

/** @throws TypeError or RangeError naming the first rule that is wrong. */
export function resolveTrip(options: CircuitTripOptions): ResolvedTripOptions {
  const { failureRate, slowCallRate, slowCallMs } = options;
  const window = checkWindow(options.window ?? { calls: 100 });
  const hasRate = failureRate !== undefined || slowCallRate !== undefined;
  if ((slowCallRate === undefined) !== (slowCallMs === undefined)) {
    throw new TypeError('slowCallRate and slowCallMs must be given together');
  }
  for (const name of ['window', 'minCalls'] as const) {
    if (!hasRate && options[name] !== undefined) {
      throw new TypeError(`${name} needs failureRate or slowCallRate`);
    }
  }
  const maxCalls = 'calls' in window ? window.calls : NEVER;
  const minCalls = checkInteger('minCalls', options.minCalls ?? Math.min(20, maxCalls));
  if (minCalls > maxCalls) {
    throw new RangeError(`minCalls must be at most window.calls = ${maxCalls}, got ${minCalls}`);
  }
  const consecutive = options.consecutiveFailures ?? (hasRate ? NEVER : 5);
  return {
    consecutiveFailures: consecutive === NEVER ? NEVER : checkInteger('consecutiveFailures', consecutive),
    failureRate: failureRate === undefined ? NEVER : checkShare('failureRate', failureRate),
    slowCallRate: slowCallRate === undefined ? NEVER : checkShare('slowCallRate', slowCallRate),
    slowCallMs: slowCallMs === undefined ? NEVER : checkPositive('slowCallMs', slowCallMs),
    window: hasRate ? window : undefined,
    minCalls,
  };
}
