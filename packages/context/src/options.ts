import { type Clock, systemClock } from '@bp/core';
import { checkClock, checkName, checkNonNegative, checkOptions, checkPositive } from '@bp/core/kit';

/** Options of `RequestContext`. */
export interface RequestContextOptions {
  /** Milliseconds from now until the answer is worthless (>= 0, any size). Default: no deadline. */
  readonly timeoutMs?: number | undefined;
  /** The same as an absolute time on the clock; `Infinity` is none. With both, the earlier one holds. */
  readonly deadline?: number | undefined;
  /** Cancels the context when it is aborted. It may outlive the context by far: nothing is left on it. */
  readonly signal?: AbortSignal | undefined;
  /** Higher is more important (finite). Default: 0. */
  readonly priority?: number | undefined;
  /** What the call costs a limiter (> 0). Default: 1. */
  readonly cost?: number | undefined;
  /** Who asks; a fair queue shares by it. Bound its length if a client made it. Default: nobody in particular. */
  readonly key?: string | undefined;
  /** What it is called in the errors that its end leads to (1 to 100 characters). Default: `request-context`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** What a child may be told; the rest it has from its parent. */
export type ChildOptions = Omit<RequestContextOptions, 'clock'>;

/** The same as the code holds it. */
export interface ResolvedContextOptions {
  readonly deadline: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly priority: number;
  readonly cost: number;
  readonly key: string | undefined;
  readonly name: string;
  readonly clock: Clock;
}

const DEFAULT_NAME = 'request-context';

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RequestContextOptions): ResolvedContextOptions {
  const {
    timeoutMs,
    signal,
    priority = 0,
    cost = 1,
    key,
    name = DEFAULT_NAME,
    clock = systemClock,
  } = checkOptions(options);
  // A context is made for every request: what is the default needs no check.
  if (clock !== systemClock) checkClock('clock', clock);
  if (name !== DEFAULT_NAME) checkName('name', name);
  if (cost !== 1) checkPositive('cost', cost);
  if (priority !== 0) checkPriority('priority', priority);
  if (key !== undefined && typeof key !== 'string')
    throw new TypeError(`key must be a string, got ${String(key)}`);
  if (signal !== undefined) checkSignal(signal);
  const own = timeoutMs === undefined ? undefined : clock.now() + checkNonNegative('timeoutMs', timeoutMs);
  return { deadline: earlierDeadline(options.deadline, own), signal, priority, cost, key, name, clock };
}

/** The earlier of `deadline`, as somebody gave it, and `other`. @throws TypeError if it is no time. */
export function earlierDeadline(deadline: number | undefined, other: number | undefined): number | undefined {
  if (deadline === undefined) return other;
  if (typeof deadline !== 'number' || Number.isNaN(deadline)) {
    throw new TypeError(`deadline must be milliseconds on the clock, got ${String(deadline)}`);
  }
  if (other !== undefined) return Math.min(deadline, other);
  return deadline === Number.POSITIVE_INFINITY ? undefined : deadline;
}

/** `value` if it is a finite number. @throws TypeError or RangeError naming `name`. */
export function checkPriority(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a finite number, got ${String(value)}`);
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number, got ${value}`);
  return value;
}

function checkSignal(signal: unknown): void {
  const { aborted, addEventListener } = (signal ?? {}) as { aborted?: unknown; addEventListener?: unknown };
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, got ${String(signal)}`);
  }
}
