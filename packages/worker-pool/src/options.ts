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
  optionNames,
} from '@bp/core/kit';

/** Options of `WorkerPool`. */
export interface WorkerPoolOptions {
  /** Jobs that run at once (an integer >= 1). */
  readonly workers: number;
  /** Jobs that may wait for a worker (an integer >= 0). Default: 3 times `workers`. */
  readonly maxQueue?: number | undefined;
  /**
   * Milliseconds that a job may wait (> 0). A job that would wait longer is rejected on arrival, unless the queue is empty; a job
   * that does wait longer is shed. The timer does not keep the process alive. Default: no bound but the job's deadline.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Whether queued jobs share the workers by `ctx.key`: a client that sends more jobs than others gets no more than its share while
   * others wait, and its jobs are evicted first when the queue is full. Default: false, in order of arrival.
   */
  readonly fair?: ConcurrencyLimiterOptions['fair'];
  /** Sheds jobs that have waited too long while the queue is overloaded. Default: no shedding. */
  readonly sojourn?: ConcurrencyLimiterOptions['sojourn'];
  /** Whether jobs start before `start()` is called. Default: true. */
  readonly autoStart?: boolean | undefined;
  /** The share of a turn of the event loop for starting jobs. Default: 5 ms, shared by all primitives on the clock. */
  readonly loopBudget?: LoopBudget | undefined;
  /** The name in rejections (1 to 100 characters). Default: `worker-pool`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

const NAMES = optionNames<WorkerPoolOptions>({
  workers: true,
  maxQueue: true,
  maxWaitMs: true,
  fair: true,
  sojourn: true,
  autoStart: true,
  loopBudget: true,
  name: true,
  clock: true,
});

/** The options with their defaults. The limiter checks those that may be undefined. */
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
  checkOptions(options, NAMES);
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
