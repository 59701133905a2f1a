import { type Clock, checkClock, checkNonNegative, checkOptions, checkPositive, systemClock } from '@bp/core';

/** Options of `RequestContext`. */
export interface RequestContextOptions {
  /** Milliseconds from now until the answer is worthless (>= 0, any size). Default: no deadline. */
  readonly timeoutMs?: number | undefined;
  /** The same as an absolute time on the clock. With both, the earlier one holds. */
  readonly deadline?: number | undefined;
  /** Cancels the context when it is aborted. It may outlive the context by far: nothing is left on it. */
  readonly signal?: AbortSignal | undefined;
  /** Higher is more important. Default: 0. */
  readonly priority?: number | undefined;
  /** What the call costs a limiter (> 0). Default: 1. */
  readonly cost?: number | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** What a child may be told; the rest it has from its parent. */
export type ChildOptions = Omit<RequestContextOptions, 'clock'>;

/** The same as the code holds it: no deadline is Infinity. */
export interface ResolvedContextOptions {
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  readonly priority: number;
  readonly cost: number;
  readonly clock: Clock;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RequestContextOptions): ResolvedContextOptions {
  const { timeoutMs, deadline, signal, priority = 0, cost = 1, clock = systemClock } = checkOptions(options);
  if (clock !== systemClock) checkClock('clock', clock);
  if (cost !== 1) checkPositive('cost', cost);
  if (!Number.isFinite(priority)) throw new RangeError(`priority must be a finite number, got ${priority}`);
  let end = Number.POSITIVE_INFINITY;
  if (deadline !== undefined) {
    if (typeof deadline !== 'number' || Number.isNaN(deadline)) {
      throw new TypeError(`deadline must be a number, got ${deadline}`);
    }
    end = deadline;
  }
  if (timeoutMs !== undefined) end = Math.min(end, clock.now() + checkNonNegative('timeoutMs', timeoutMs));
  return { deadline: end, signal, priority, cost, clock };
}
