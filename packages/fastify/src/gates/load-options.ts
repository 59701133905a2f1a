import { performance } from 'node:perf_hooks';
import type { CallContext, RejectedError } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkFunction,
  checkNonNegative,
  checkOptions,
  checkPositive,
} from '@bp/core/kit';
import type { LoopTime } from '../loop-monitor.ts';

/**
 * Something that requests go on to wait for. A `WorkerPool` and a `ConcurrencyLimiter` are such sources, and so is any
 * object that knows how long its line is.
 */
export interface LoadSource {
  /** Milliseconds that a call made now would wait: 0 if it would not, undefined if unknown. */
  estimatedWaitMs(ctx?: CallContext): number | undefined;
  /** Milliseconds after which a call rejected now does best to come back. Default: until the wait is short enough. */
  retryAfterMs?(ctx?: CallContext): number | undefined;
  /** The rejection of a call made now, or false; undefined or true if it would find room. Default: it always would. */
  check?(ctx?: CallContext): RejectedError | boolean | undefined;
}

/** How the event loop is watched. */
export interface EventLoopOptions {
  /** The lag, in milliseconds (> 0), that may stand for a whole interval before the loop counts as late. Default: 20. */
  readonly targetLagMs?: number | undefined;
  /** The lag of a single turn, in milliseconds (>= `targetLagMs`), above which requests are rejected at once. Default: 100. */
  readonly maxLagMs?: number | undefined;
  /** Milliseconds between two looks at the loop (> 0, at most half of `intervalMs`). Default: 20. */
  readonly tickMs?: number | undefined;
  /** Milliseconds of one interval (> 0). Default: 100. */
  readonly intervalMs?: number | undefined;
  /** The utilisation of an interval (0 to 1) below which lag is not taken for load. Default: 0.85. */
  readonly minUtilization?: number | undefined;
  /** Where utilisation is read from. Default: `performance.eventLoopUtilization` of node:perf_hooks; for tests. */
  readonly loopTime?: (() => LoopTime) | undefined;
}

/** When requests are rejected because the server is busy. */
export interface LoadOptions {
  /** What requests go on to wait for. Default: none. */
  readonly sources?: readonly LoadSource[] | undefined;
  /** Milliseconds of wait, at any source or for a turn of the loop, above which the least important are rejected (> 0). Default: 100. */
  readonly maxWaitMs?: number | undefined;
  /**
   * How much further load must rise before the most important are rejected too, as a share of the limit (0 to 100); those
   * between are rejected in between, by the cube of the share of recent requests that were less important. 0 treats all
   * alike. Default: 1, up to twice the limit.
   */
  readonly headroom?: number | undefined;
  /**
   * Start handlers within the loop's budget a turn, so that arrivals are still seen while handlers compute. Default: on
   * routes without sources; sources such as a pool pace their own work, and by priority.
   */
  readonly pace?: boolean | undefined;
  /** Watch the event loop: false, or how. Default: true. */
  readonly eventLoop?: boolean | EventLoopOptions | undefined;
  /** The most milliseconds over which the return of those who were rejected is spread (>= 0; 0 spreads nothing). Default: 30 000. */
  readonly maxSpreadMs?: number | undefined;
}

/** What of it a route may have to itself. */
export type RouteLoadOptions = Pick<LoadOptions, 'sources' | 'maxWaitMs'>;

/** The same as the code holds it. */
export interface ResolvedRouteLoadOptions {
  readonly sources: readonly LoadSource[];
  readonly maxWaitMs: number;
}

/** The same as the code holds it. */
export type ResolvedEventLoopOptions = {
  readonly [K in keyof EventLoopOptions]-?: NonNullable<EventLoopOptions[K]>;
};

/** The same as the code holds it. */
export interface ResolvedLoadOptions extends ResolvedRouteLoadOptions {
  readonly headroom: number;
  readonly pace: boolean | undefined;
  readonly eventLoop: ResolvedEventLoopOptions | undefined;
  readonly maxSpreadMs: number;
}

const DEFAULT_MAX_WAIT_MS = 100;
const DEFAULT_MAX_SPREAD_MS = 30_000;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveLoadOptions(options: LoadOptions): ResolvedLoadOptions {
  checkOptions(options);
  const { headroom = 1, pace, eventLoop = true, maxSpreadMs = DEFAULT_MAX_SPREAD_MS } = options;
  return {
    ...resolveRouteLoadOptions('load', options, { sources: [], maxWaitMs: DEFAULT_MAX_WAIT_MS }),
    headroom: checkBetween('load.headroom', headroom, 0, 100),
    pace: pace === undefined ? undefined : checkBoolean('load.pace', pace),
    eventLoop: resolveEventLoopOptions(eventLoop),
    maxSpreadMs: checkNonNegative('load.maxSpreadMs', maxSpreadMs),
  };
}

/** What a route left out is taken from `inherited`. @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveRouteLoadOptions(
  path: string,
  options: RouteLoadOptions,
  inherited: ResolvedRouteLoadOptions,
): ResolvedRouteLoadOptions {
  const { sources = inherited.sources, maxWaitMs = inherited.maxWaitMs } = options;
  if (!Array.isArray(sources)) throw new TypeError(`${path}.sources must be an array, got ${typeof sources}`);
  sources.forEach((source: LoadSource, index) => {
    checkFunction(`${path}.sources[${index}].estimatedWaitMs`, source?.estimatedWaitMs);
  });
  return { sources: [...sources], maxWaitMs: checkPositive(`${path}.maxWaitMs`, maxWaitMs) };
}

function resolveEventLoopOptions(options: boolean | EventLoopOptions): ResolvedEventLoopOptions | undefined {
  if (options === false) return undefined;
  const given = options === true ? {} : options;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`load.eventLoop must be a boolean or an object, got ${typeof given}`);
  }
  const {
    targetLagMs = 20,
    maxLagMs = 100,
    tickMs = 20,
    intervalMs = 100,
    minUtilization = 0.85,
    loopTime = () => performance.eventLoopUtilization(),
  } = given;
  checkPositive('load.eventLoop.targetLagMs', targetLagMs);
  checkPositive('load.eventLoop.maxLagMs', maxLagMs);
  checkPositive('load.eventLoop.tickMs', tickMs);
  checkPositive('load.eventLoop.intervalMs', intervalMs);
  checkBetween('load.eventLoop.minUtilization', minUtilization, 0, 1);
  checkFunction('load.eventLoop.loopTime', loopTime);
  if (maxLagMs < targetLagMs) {
    throw new RangeError(
      `load.eventLoop.maxLagMs must be at least targetLagMs = ${targetLagMs}, got ${maxLagMs}`,
    );
  }
  if (tickMs > intervalMs / 2) {
    throw new RangeError(
      `load.eventLoop.tickMs must be at most half of intervalMs = ${intervalMs}, got ${tickMs}`,
    );
  }
  return { targetLagMs, maxLagMs, tickMs, intervalMs, minUtilization, loopTime };
}
