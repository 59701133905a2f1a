import type { SojournOptions } from '@bp/bounded-queue';
import { type Clock, systemClock } from '@bp/core';
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkPositive,
  type LoopBudget,
  loopBudgetOf,
} from '@bp/core/kit';

/** Which calls are held back when the event loop's budget for a turn is spent: those that waited, or all. */
export type LoopYielding = 'queued' | 'always';

/** Options of `ConcurrencyLimiter`. */
export interface ConcurrencyLimiterOptions {
  /** Permits that may be out at once (>= 1). */
  readonly limit: number;
  /** Calls that may wait for a permit (>= 0); at 0 they are rejected at once. Default: 0. */
  readonly maxQueue?: number | undefined;
  /**
   * Milliseconds a call may wait (> 0). One that would have to wait longer is rejected when it arrives, one that does
   * wait longer is shed. Default: as long as its deadline allows.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Whether those who wait share the permits by `ctx.key`: a client that sends more than others then gets no more than its
   * share while they wait, and makes room for them when the queue is full. Default: false, first come first served.
   */
  readonly fair?: boolean | undefined;
  /**
   * What to do about calls that have waited too long: they are shed while the queue is overloaded. For callers that tell no
   * deadline; where they do, the wait is estimated anyway. Default: they wait until it is their turn, or too late.
   */
  readonly sojourn?: SojournOptions | undefined;
  /**
   * `queued`: calls that waited start within the loop's budget a turn. `always`: so do those that could start at
   * once, for work that computes rather than waits; they then wait in the queue. Default: `queued`.
   */
  readonly loopYielding?: LoopYielding | undefined;
  /** How much of a turn of the event loop may go to starting calls. Default: 5 ms, shared by everything on the clock. */
  readonly loopBudget?: LoopBudget | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `concurrency-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** The same as the code holds it: nothing is undefined but what nobody asked for. */
export interface ResolvedConcurrencyLimiterOptions {
  readonly limit: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  readonly fair: boolean;
  readonly sojourn: SojournOptions | undefined;
  readonly loopYielding: LoopYielding;
  readonly loopBudget: LoopBudget;
  readonly name: string;
  readonly clock: Clock;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: ConcurrencyLimiterOptions): ResolvedConcurrencyLimiterOptions {
  checkOptions(options);
  const { maxWaitMs, loopBudget } = options;
  const clock = checkClock('clock', options.clock ?? systemClock);
  if (loopBudget !== undefined) checkFunction('loopBudget.allows', loopBudget?.allows);
  return {
    limit: checkInteger('limit', options.limit),
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? 0, 0),
    maxWaitMs: maxWaitMs === undefined ? Number.POSITIVE_INFINITY : checkPositive('maxWaitMs', maxWaitMs),
    fair: checkBoolean('fair', options.fair ?? false),
    sojourn: options.sojourn,
    loopYielding: checkOneOf('loopYielding', options.loopYielding ?? 'queued', ['queued', 'always']),
    loopBudget: loopBudget ?? loopBudgetOf(clock),
    name: checkName('name', options.name ?? 'concurrency-limiter'),
    clock,
  };
}
