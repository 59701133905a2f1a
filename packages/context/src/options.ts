import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkClock,
  checkDeadline,
  checkName,
  checkOptions,
  checkPositive,
  checkSignal,
  MAX_DEADLINE_MS,
  optionNames,
} from '@bp/core/kit';

/** Options of `RequestContext`. */
export interface RequestContextOptions {
  /** Milliseconds from now until the result is worthless (0 to ten years). Default: no deadline. */
  readonly timeoutMs?: number | undefined;
  /**
   * The same as an absolute time of the clock, at most ten years ahead; `Infinity` means none. The earlier of both counts.
   * Default: no deadline.
   */
  readonly deadline?: number | undefined;
  /** Cancels the context when it is aborted. It may live longer than the context, which removes its listeners. */
  readonly signal?: AbortSignal | undefined;
  /** Higher is more important (finite). Default: 0. */
  readonly priority?: number | undefined;
  /** Permits, tokens or weight of the call (> 0). Default: 1. */
  readonly cost?: number | undefined;
  /** The client or tenant of the call. Bound its length if it comes from client input. Default: none. */
  readonly key?: string | undefined;
  /** The `rejectedBy` of the error with which it ends (1 to 100 characters). Default: `request-context`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** Options of a child, which has everything else from its parent. */
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

const CHILD_OPTIONS: Readonly<Record<keyof ChildOptions, true>> = {
  timeoutMs: true,
  deadline: true,
  signal: true,
  priority: true,
  cost: true,
  key: true,
  name: true,
};
const CONTEXT_OPTIONS: Readonly<Record<keyof RequestContextOptions, true>> = {
  ...CHILD_OPTIONS,
  clock: true,
};

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RequestContextOptions): ResolvedContextOptions {
  checkNames<RequestContextOptions>(options, CONTEXT_OPTIONS);
  const {
    timeoutMs,
    signal,
    priority = 0,
    cost = 1,
    key,
    name = DEFAULT_NAME,
    clock = systemClock,
  } = options;
  // A context is made for every request: default values need no check.
  if (clock !== systemClock) checkClock('clock', clock);
  if (name !== DEFAULT_NAME) checkName('name', name);
  if (cost !== 1) checkPositive('cost', cost);
  if (priority !== 0) checkPriority('priority', priority);
  if (key !== undefined && typeof key !== 'string') {
    throw new TypeError(`key must be a string, got ${String(key)}`);
  }
  if (signal !== undefined) checkSignal('signal', signal);
  const own = timeoutMs === undefined ? undefined : clock.now() + checkTimeout('timeoutMs', timeoutMs);
  const deadline = earlierDeadline(checkedDeadline(options.deadline, clock), own);
  return { deadline, signal, priority, cost, key, name, clock };
}

/** @throws TypeError naming the first option that is unknown. */
export function checkChildNames(options: ChildOptions): void {
  checkNames<ChildOptions>(options, CHILD_OPTIONS);
}

/** Returns the earlier of two deadlines; undefined if there is none. */
export function earlierDeadline(one: number | undefined, other: number | undefined): number | undefined {
  const earlier = Math.min(one ?? Number.POSITIVE_INFINITY, other ?? Number.POSITIVE_INFINITY);
  return earlier === Number.POSITIVE_INFINITY ? undefined : earlier;
}

/** Returns `deadline` if it is valid on `clock`. @throws TypeError or RangeError if it is not. */
export function checkedDeadline(deadline: number | undefined, clock: Clock): number | undefined {
  if (deadline === undefined) return undefined;
  // Reading the clock is expensive here, and only a deadline that may be too far ahead needs it.
  if (typeof deadline === 'number' && deadline <= MAX_DEADLINE_MS) return deadline;
  return checkDeadline('deadline', deadline, clock.now());
}

/** Returns `value` if it is a number from 0 to ten years. @throws TypeError or RangeError naming `name`. */
export function checkTimeout(name: string, value: unknown): number {
  return checkBetween(name, value, 0, MAX_DEADLINE_MS);
}

/** Returns `value` if it is a finite number. @throws TypeError or RangeError naming `name`. */
export function checkPriority(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a finite number, got ${String(value)}`);
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number, got ${value}`);
  return value;
}

/** Like `checkOptions`, without its list of names unless one is unknown. */
function checkNames<Options extends object>(
  options: Options,
  known: Readonly<Record<keyof Options & string, true>>,
): void {
  if (typeof options === 'object' && options !== null) {
    let unknown = false;
    for (const name in options) unknown ||= !Object.hasOwn(known, name);
    if (!unknown) return;
  }
  checkOptions(options, optionNames<Options>(known));
}
