import type { SojournOptions } from '@bp/bounded-queue';
import { type Clock, systemClock } from '@bp/core';
import {
  checkBoolean,
  checkClock,
  checkDuration,
  checkFunction,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkPositive,
  type LoopBudget,
  loopBudgetOf,
  optionNames,
} from '@bp/core/kit';

/** Which calls wait for the next turn of the event loop when the loop budget is spent: calls that were queued, or all calls. */
export type LoopYielding = 'queued' | 'always';

/** Options of `ConcurrencyLimiter`. */
export interface ConcurrencyLimiterOptions {
  /** Permits that may be handed out at once (an integer >= 1). */
  readonly limit: number;
  /** Calls that may wait for a permit (an integer >= 0); with 0 they are rejected at once. Default: 0. */
  readonly maxQueue?: number | undefined;
  /**
   * Milliseconds that a call may wait (> 0, at most ten years). A call that would wait longer is rejected on arrival, unless the queue is empty; a call
   * that does wait longer is shed. The timer does not keep the process alive. Default: no bound but the call's deadline.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Whether queued calls share the permits by `ctx.key`: a client that sends more calls than others gets no more than its share
   * while others wait, and its calls are evicted first when the queue is full. Default: false, in order of arrival.
   */
  readonly fair?: boolean | undefined;
  /**
   * Sheds calls that have waited too long while the queue is overloaded. For callers that set no deadline: with a deadline the
   * wait is estimated on arrival. Default: no shedding.
   */
  readonly sojourn?: SojournOptions | undefined;
  /**
   * `queued`: queued calls start within the loop budget. `always`: so do calls that need not wait for a permit, for work that
   * computes; while the budget is spent they wait in the queue. Default: `queued`.
   */
  readonly loopYielding?: LoopYielding | undefined;
  /** The share of a turn of the event loop for starting calls. Default: 5 ms, shared by all primitives on the clock. */
  readonly loopBudget?: LoopBudget | undefined;
  /** The name in rejections (1 to 100 characters). Default: `concurrency-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

const NAMES = optionNames<ConcurrencyLimiterOptions>({
  limit: true,
  maxQueue: true,
  maxWaitMs: true,
  fair: true,
  sojourn: true,
  loopYielding: true,
  loopBudget: true,
  name: true,
  clock: true,
});

/** The options with their defaults. */
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
  checkOptions(options, NAMES);
  const { maxWaitMs, loopBudget } = options;
  const clock = checkClock('clock', options.clock ?? systemClock);
  if (loopBudget !== undefined) checkFunction('loopBudget.allows', loopBudget?.allows);
  const limit = checkInteger('limit', options.limit);
  const maxQueue = checkInteger('maxQueue', options.maxQueue ?? 0, 0);
  const fair = checkBoolean('fair', options.fair ?? false);
  const maxWait = maxWaitMs === undefined ? Number.POSITIVE_INFINITY : checkMaxWaitMs(maxWaitMs);
  if (maxQueue === 0) checkNeedsNoQueue(options);
  return {
    limit,
    maxQueue,
    maxWaitMs: maxWait,
    fair,
    sojourn: options.sojourn,
    loopYielding: checkOneOf('loopYielding', options.loopYielding ?? 'queued', ['queued', 'always']),
    loopBudget: loopBudget ?? loopBudgetOf(clock),
    name: checkName('name', options.name ?? 'concurrency-limiter'),
    clock,
  };
}

function checkMaxWaitMs(maxWaitMs: number): number {
  return checkDuration('maxWaitMs', checkPositive('maxWaitMs', maxWaitMs));
}

/** @throws RangeError naming an option that would have no effect without a queue. */
function checkNeedsNoQueue({ maxWaitMs, fair, sojourn }: ConcurrencyLimiterOptions): void {
  const given = { maxWaitMs, fair: fair || undefined, sojourn };
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined)
      throw new RangeError(`${name} needs a queue: maxQueue must be at least 1, got 0`);
  }
}
