import { type Clock, systemClock } from '@bp/core';
import { checkBoolean, checkClock, checkInteger, checkName } from '@bp/core/kit';

/** Options of every limiter whose calls can wait. */
export interface WaitingOptions {
  /** The name of the limiter in rejections (1 to 100 characters). Default: the class in kebab case. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** How many calls of `acquire` and `execute` may wait (an integer >= 0); with 0 they are rejected at once. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /**
   * Admits every call and counts in `stats().shadowed` the calls that would have been rejected: to try a limit on real
   * traffic. Default: false.
   */
  readonly shadow?: boolean | undefined;
}

/** The names of the options of `WaitingOptions`, which the limiters add to their own. */
export const WAITING_OPTIONS = { name: true, clock: true, maxQueue: true, shadow: true } as const;

/** `WaitingOptions` with their defaults. */
export type ResolvedWaitingOptions = {
  readonly [K in keyof WaitingOptions]-?: NonNullable<WaitingOptions[K]>;
};

const DEFAULT_MAX_QUEUE = 1000;

/** Applies defaults. @throws TypeError or RangeError naming the first wrong option. */
export function resolveWaitingOptions(options: WaitingOptions, name: string): ResolvedWaitingOptions {
  return {
    name: checkName('name', options.name ?? name),
    clock: checkClock('clock', options.clock ?? systemClock),
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? DEFAULT_MAX_QUEUE, 0),
    shadow: checkBoolean('shadow', options.shadow ?? false),
  };
}
