import { type Clock, type RejectedError, systemClock } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkPositive,
  neverThrowing,
  optionNames,
} from '@bp/core/kit';

/** Options of sojourn control: what a queue does about items that wait too long. */
export interface SojournOptions {
  /** Milliseconds that the oldest item may wait; overload is when it waits longer all the time (> 0). Default: 50. */
  readonly targetMs?: number | undefined;
  /** Milliseconds for which it must have waited longer than that (> 0). Default: 100. */
  readonly intervalMs?: number | undefined;
  /** Whether the newest of equal items is taken first during overload: the oldest has least time left. Default: false. */
  readonly newestFirst?: boolean | undefined;
}

/** Options of every queue. */
export interface QueueOptions<T> {
  /** How many items may be queued (an integer >= 1). */
  readonly capacity: number;
  /** The sum of `ctx.cost` (default 1 each) of queued items (> 0). Default: bounded by `capacity` only. */
  readonly maxWeight?: number | undefined;
  /**
   * Called for every accepted item that will not be taken, with the reason: `SHED` if it was evicted or stale, `CANCELLED` or
   * `DEADLINE_EXCEEDED` if its context ended, `SHUTTING_DOWN` when `close` ends. It may use the queue: it is called when the
   * operation is complete. What it throws surfaces as an uncaught exception. Default: none.
   */
  readonly onDrop?: ((item: T, rejection: RejectedError) => void) | undefined;
  /** How many calls of `push` may wait for room (an integer >= 0); with 0 a full queue rejects at once. Default: 0. */
  readonly maxWaitingProducers?: number | undefined;
  /** How many calls of `take` may wait for an item (an integer >= 1). Default: 1000. */
  readonly maxWaitingTakers?: number | undefined;
  /** Share of `capacity` (0 to 1) at which the queue becomes saturated. Default: 1. */
  readonly highWater?: number | undefined;
  /** Share of `capacity` (0 to 1, below `highWater`) down to which it stays saturated. Default: half of `highWater`. */
  readonly lowWater?: number | undefined;
  /** Drops items that wait too long while the queue is overloaded; each take then reads the clock. Default: off. */
  readonly sojourn?: SojournOptions | undefined;
  /** The `rejectedBy` of rejections (1 to 100 characters). Default: `bounded-queue`, `priority-queue` or `fair-queue`. */
  readonly name?: string | undefined;
  /** The source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** Options of `BoundedQueue`. */
export interface BoundedQueueOptions<T> extends QueueOptions<T> {
  /** What a full queue does: reject the new item, or drop the oldest one. Default: `reject`. */
  readonly overflow?: 'reject' | 'drop-oldest' | undefined;
}

/** Options of `PriorityQueue`. */
export type PriorityQueueOptions<T> = QueueOptions<T>;

/** Options of `FairQueue`. */
export interface FairQueueOptions<T> extends QueueOptions<T> {
  /**
   * How many keys without queued items it remembers (an integer >= 1): a key that was just served then waits for the others. With
   * more keys than that the shares are less equal. Default: 1000, or 10 times `capacity` if that is more.
   */
  readonly maxKeys?: number | undefined;
}

/** {@link SojournOptions} with defaults. */
export interface ResolvedSojournOptions {
  readonly targetMs: number;
  readonly intervalMs: number;
  readonly newestFirst: boolean;
}

/** The options that concern what a queue holds, with defaults. */
export interface ContentsOptions {
  readonly capacity: number;
  readonly maxWeight: number;
  /** `maxWeight` and the rounding of sums of fractions. */
  readonly weightBound: number;
  /** Items, not a share. */
  readonly highWater: number;
  /** Items, not a share. */
  readonly lowWater: number;
  readonly sojourn: ResolvedSojournOptions | undefined;
  readonly name: string;
  readonly clock: Clock;
}

/** {@link QueueOptions} with defaults. */
export interface ResolvedQueueOptions<T> extends ContentsOptions {
  readonly onDrop: ((item: T, rejection: RejectedError) => void) | undefined;
  readonly maxWaitingProducers: number;
  readonly maxWaitingTakers: number;
}

const DEFAULT_MAX_WAITING_TAKERS = 1000;
/** Sums of fractions such as ten times 0.1 miss the whole by less than this share. */
const WEIGHT_ROUNDING = 1e-9;
/** A share such as 0.28 of 100 is a little more than 28. */
const SHARE_ROUNDING = 1e-6;

const NAMES = /* @__PURE__ */ optionNames<QueueOptions<unknown>>({
  capacity: true,
  maxWeight: true,
  onDrop: true,
  maxWaitingProducers: true,
  maxWaitingTakers: true,
  highWater: true,
  lowWater: true,
  sojourn: true,
  name: true,
  clock: true,
});

const SOJOURN_NAMES = /* @__PURE__ */ optionNames<SojournOptions>({
  targetMs: true,
  intervalMs: true,
  newestFirst: true,
});

/** The options that a kind of queue has besides {@link QueueOptions}. */
type OwnOptions<Options> = Omit<Options, keyof QueueOptions<unknown>>;

export const BOUNDED_QUEUE_NAMES = /* @__PURE__ */ optionNames<OwnOptions<BoundedQueueOptions<unknown>>>({
  overflow: true,
});

export const FAIR_QUEUE_NAMES = /* @__PURE__ */ optionNames<OwnOptions<FairQueueOptions<unknown>>>({
  maxKeys: true,
});

/**
 * Returns the options of a queue with defaults.
 * @param ownNames - the options that only this kind of queue has.
 * @throws TypeError or RangeError naming the first option that is wrong or unknown.
 */
export function resolveOptions<T>(
  options: QueueOptions<T>,
  defaultName: string,
  ownNames: readonly string[] = [],
): ResolvedQueueOptions<T> {
  checkOptions(options, [...NAMES, ...ownNames]);
  const capacity = checkInteger('capacity', options.capacity);
  const { maxWeight } = options;
  const weight = maxWeight === undefined ? Number.MAX_VALUE : checkPositive('maxWeight', maxWeight);
  const highWater = checkBetween('highWater', options.highWater ?? 1, 0, 1);
  const lowWater = checkBetween('lowWater', options.lowWater ?? highWater / 2, 0, 1);
  if (lowWater >= highWater) {
    throw new RangeError(`lowWater must be below highWater = ${highWater}, got ${lowWater}`);
  }
  const { onDrop, maxWaitingProducers = 0, maxWaitingTakers = DEFAULT_MAX_WAITING_TAKERS } = options;
  return {
    capacity,
    maxWeight: weight,
    weightBound: Math.min(weight * (1 + WEIGHT_ROUNDING), Number.MAX_VALUE),
    onDrop: onDrop && neverThrowing(checkFunction('onDrop', onDrop), () => undefined),
    maxWaitingProducers: checkInteger('maxWaitingProducers', maxWaitingProducers, 0),
    maxWaitingTakers: checkInteger('maxWaitingTakers', maxWaitingTakers),
    highWater: Math.max(1, Math.ceil(highWater * capacity - SHARE_ROUNDING)),
    lowWater: Math.floor(lowWater * capacity + SHARE_ROUNDING),
    sojourn: options.sojourn === undefined ? undefined : resolveSojourn(options.sojourn),
    name: checkName('name', options.name ?? defaultName),
    clock: checkClock('clock', options.clock ?? systemClock),
  };
}

/** @throws TypeError if it is none of what is allowed. */
export function resolveOverflow(overflow: unknown): 'reject' | 'drop-oldest' {
  return checkOneOf('overflow', overflow ?? 'reject', ['reject', 'drop-oldest']);
}

/** @throws TypeError or RangeError if it is not an integer of at least 1. */
export function resolveMaxKeys(maxKeys: number | undefined, capacity: number): number {
  return checkInteger('maxKeys', maxKeys ?? Math.max(1000, 10 * capacity));
}

function resolveSojourn(options: SojournOptions): ResolvedSojournOptions {
  const {
    targetMs = 50,
    intervalMs = 100,
    newestFirst = false,
  } = checkOptions(options, SOJOURN_NAMES, 'sojourn');
  return {
    targetMs: checkPositive('sojourn.targetMs', targetMs),
    intervalMs: checkPositive('sojourn.intervalMs', intervalMs),
    newestFirst: checkBoolean('sojourn.newestFirst', newestFirst),
  };
}
