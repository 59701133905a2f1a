import { type Clock, type RejectedError, systemClock } from '@bp/core';
import {
  checkBetween,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkPositive,
  neverThrowing,
} from '@bp/core/kit';
import { Sojourn, type SojournOptions } from './sojourn.ts';

/** What every queue may be told. */
export interface QueueOptions<T> {
  /** Items that may wait at once (>= 1). */
  readonly capacity: number;
  /** The sum of `ctx.cost` (default 1 each) of the items that may wait at once (> 0). Default: no bound but `capacity`. */
  readonly maxWeight?: number | undefined;
  /**
   * Called for every accepted item that will not be taken, with why: `SHED` if it made room, `CANCELLED` or
   * `DEADLINE_EXCEEDED` if its caller gave up, `SHUTTING_DOWN` at the end. It is called when all else is done, so it may use
   * the queue; what it throws surfaces as an uncaught exception. Default: nobody is told.
   */
  readonly onDrop?: ((item: T, rejection: RejectedError) => void) | undefined;
  /** Calls of `push` that may wait for room (>= 0); at 0 a full queue rejects at once. Default: 0. */
  readonly maxWaitingProducers?: number | undefined;
  /** Calls of `take` that may wait for an item (>= 1). Default: 1000. */
  readonly maxWaitingTakers?: number | undefined;
  /** Share of the capacity (0 to 1) at which the queue counts as saturated. Default: 1. */
  readonly highWater?: number | undefined;
  /** Share of the capacity (0 to 1, below `highWater`) down to which it then stays so. Default: half of `highWater`. */
  readonly lowWater?: number | undefined;
  /**
   * What to do about items that wait too long: drop them (told `SHED`) while the queue is overloaded. Every take then reads
   * the clock. Default: they wait until they are taken, or over.
   */
  readonly sojourn?: SojournOptions | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `bounded-queue`, `priority-queue` or `fair-queue`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** Options of `BoundedQueue`. */
export interface BoundedQueueOptions<T> extends QueueOptions<T> {
  /** What a full queue does: reject the newcomer, or drop the item that has waited longest. Default: `reject`. */
  readonly overflow?: 'reject' | 'drop-oldest' | undefined;
}

/** Options of `PriorityQueue`. */
export type PriorityQueueOptions<T> = QueueOptions<T>;

/** Options of `FairQueue`. */
export type FairQueueOptions<T> = QueueOptions<T>;

/** What every queue holds of their options: nothing is undefined but what nobody asked for. */
export interface ResolvedQueueOptions<T> {
  readonly capacity: number;
  readonly maxWeight: number;
  readonly onDrop: ((item: T, rejection: RejectedError) => void) | undefined;
  readonly maxWaitingProducers: number;
  readonly maxWaitingTakers: number;
  readonly highWater: number;
  readonly lowWater: number;
  readonly sojourn: Sojourn<T> | undefined;
  readonly name: string;
  readonly clock: Clock;
}

const DEFAULT_MAX_WAITING_TAKERS = 1000;
const ROUNDING = 1e-6;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions<T>(options: QueueOptions<T>, defaultName: string): ResolvedQueueOptions<T> {
  checkOptions(options);
  const capacity = checkInteger('capacity', options.capacity);
  const highWater = checkBetween('highWater', options.highWater ?? 1, 0, 1);
  const lowWater = checkBetween('lowWater', options.lowWater ?? highWater / 2, 0, 1);
  if (lowWater >= highWater) {
    throw new RangeError(`lowWater must be below highWater = ${highWater}, got ${lowWater}`);
  }
  return {
    capacity,
    maxWeight:
      options.maxWeight === undefined ? Number.MAX_VALUE : checkPositive('maxWeight', options.maxWeight),
    onDrop: options.onDrop && neverThrowing(checkFunction('onDrop', options.onDrop), () => undefined),
    maxWaitingProducers: checkInteger('maxWaitingProducers', options.maxWaitingProducers ?? 0, 0),
    maxWaitingTakers: checkInteger(
      'maxWaitingTakers',
      options.maxWaitingTakers ?? DEFAULT_MAX_WAITING_TAKERS,
    ),
    // A share such as 0.28 of 100 is a little more than 28.
    highWater: Math.max(1, Math.ceil(highWater * capacity - ROUNDING)),
    lowWater: Math.floor(lowWater * capacity + ROUNDING),
    sojourn: options.sojourn === undefined ? undefined : new Sojourn(options.sojourn),
    name: checkName('name', options.name ?? defaultName),
    clock: checkClock('clock', options.clock ?? systemClock),
  };
}

/** @throws TypeError if it is none of what is allowed. */
export function resolveOverflow(overflow: unknown): 'reject' | 'drop-oldest' {
  return checkOneOf('overflow', overflow ?? 'reject', ['reject', 'drop-oldest']);
}
