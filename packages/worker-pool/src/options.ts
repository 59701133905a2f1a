import type { ConcurrencyLimiterOptions } from '@bp/concurrency';
import { type Clock, systemClock } from '@bp/core';
import {
  checkBoolean,
  checkClock,
  checkInteger,
  checkName,
  checkOptions,
  type LoopBudget,
  loopBudgetOf,
} from '@bp/core/kit';

/** Options of `WorkerPool`. */
export interface WorkerPoolOptions {
  /** Jobs that run at once (>= 1). */
  readonly workers: number;
  /** Jobs that may wait for a worker (>= 0). Default: 3 times `workers`. */
  readonly maxQueue?: number | undefined;
  /** Milliseconds a job may wait (> 0): rejected at arrival if it would be longer, shed if it is. Default: no bound. */
  readonly maxWaitMs?: number | undefined;
  /**
   * Whether those whose jobs wait share the workers by `ctx.key`: who sends more than others then gets no more than its share
   * while theirs wait, and makes room for them when the queue is full. Default: false, first come first served.
   */
  readonly fair?: ConcurrencyLimiterOptions['fair'];
  /** Sheds jobs that have waited too long while the queue is overloaded. Default: they wait for their turn, or their deadline. */
  readonly sojourn?: ConcurrencyLimiterOptions['sojourn'];
  /** Whether jobs start before `start()` was called. Default: true. */
  readonly autoStart?: boolean | undefined;
  /** How much of a turn of the event loop may go to starting jobs. Default: 5 ms, shared by everything on the clock. */
  readonly loopBudget?: LoopBudget | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `worker-pool`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** The same as the code holds it; what is undefined here is the limiter's to check. */
export interface ResolvedWorkerPoolOptions {
  readonly workers: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number | undefined;
  readonly fair: ConcurrencyLimiterOptions['fair'];
  readonly sojourn: ConcurrencyLimiterOptions['sojourn'];
  readonly autoStart: boolean;
  readonly loopBudget: LoopBudget;
  readonly name: string;
  readonly clock: Clock;
}

const QUEUED_PER_WORKER = 3;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: WorkerPoolOptions): ResolvedWorkerPoolOptions {
  checkOptions(options);
  const clock = checkClock('clock', options.clock ?? systemClock);
  const workers = checkInteger('workers', options.workers);
  return {
    workers,
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? QUEUED_PER_WORKER * workers, 0),
    maxWaitMs: options.maxWaitMs,
    fair: options.fair,
    sojourn: options.sojourn,
    autoStart: checkBoolean('autoStart', options.autoStart ?? true),
    loopBudget: options.loopBudget ?? loopBudgetOf(clock),
    name: checkName('name', options.name ?? 'worker-pool'),
    clock,
  };
}
