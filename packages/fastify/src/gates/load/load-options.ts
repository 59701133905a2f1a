import {
  checkBetween,
  checkBoolean,
  checkFunction,
  checkNonNegative,
  checkOptions,
  checkPositive,
  optionNames,
} from '@bp/core/kit';
import {
  type EventLoopOptions,
  type ResolvedEventLoopOptions,
  resolveEventLoopOptions,
} from './event-loop-options.ts';
import { CheckedSource, type LoadSource, type SourceErrorListener } from './load-source.ts';

/** When requests are rejected because the server is busy. */
export interface LoadOptions {
  /** What admitted requests go on to wait for. Default: none. */
  readonly sources?: readonly LoadSource[] | undefined;
  /**
   * Milliseconds of estimated wait (> 0) from which the least important requests are rejected. Default: 100 for a turn of the event
   * loop and for sources without `check`. A source with `check` bounds its own queue, so it has no such limit by default.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * How much more load the most important requests may meet, as a share of the limit (0 to 100). Requests between are rejected in
   * between, by the cube of the share of recent requests that were less important. 0 treats all alike. Default: 1.
   */
  readonly headroom?: number | undefined;
  /**
   * Start handlers within the loop budget, so that requests are still read and rejected while handlers compute. Default: true on
   * routes without sources; a source such as a pool starts its own jobs within that budget.
   */
  readonly loopBudget?: boolean | undefined;
  /** How the event loop is watched; false: not at all. Default: true. */
  readonly eventLoop?: boolean | EventLoopOptions | undefined;
  /** The most milliseconds (>= 0) over which the return of shed clients is spread. Default: 30 000. */
  readonly maxSpreadMs?: number | undefined;
}

/** The load options that a route may replace. */
export type RouteLoadOptions = Pick<LoadOptions, 'sources' | 'maxWaitMs'>;

/** {@link RouteLoadOptions} with defaults. */
export interface ResolvedRouteLoadOptions {
  readonly sources: readonly CheckedSource[];
  /** The wait that is allowed unless a source bounds itself. */
  readonly maxWaitMs: number;
  /** Whether `maxWaitMs` was given, so that it also applies to sources that bound themselves. */
  readonly limitsEverySource: boolean;
}

/** {@link LoadOptions} with defaults. */
export interface ResolvedLoadOptions extends ResolvedRouteLoadOptions {
  readonly headroom: number;
  readonly loopBudget: boolean | undefined;
  readonly eventLoop: ResolvedEventLoopOptions | undefined;
  readonly maxSpreadMs: number;
}

const ROUTE_OPTIONS = optionNames<RouteLoadOptions>({ sources: true, maxWaitMs: true });
const OPTIONS = optionNames<LoadOptions>({
  sources: true,
  maxWaitMs: true,
  headroom: true,
  loopBudget: true,
  eventLoop: true,
  maxSpreadMs: true,
});

const DEFAULTS: ResolvedRouteLoadOptions = { sources: [], maxWaitMs: 100, limitsEverySource: false };
const DEFAULT_HEADROOM = 1;
const DEFAULT_MAX_SPREAD_MS = 30_000;

/** Checks the plugin's load options. @throws TypeError or RangeError naming the first wrong option. */
export function resolveLoadOptions(options: LoadOptions, onError: SourceErrorListener): ResolvedLoadOptions {
  const {
    headroom = DEFAULT_HEADROOM,
    loopBudget,
    eventLoop = true,
    maxSpreadMs = DEFAULT_MAX_SPREAD_MS,
    ...route
  } = checkOptions(options, OPTIONS, 'load');
  return {
    ...resolveRouteLoadOptions('load', route, DEFAULTS, onError),
    headroom: checkBetween('load.headroom', headroom, 0, 100),
    loopBudget: loopBudget === undefined ? undefined : checkBoolean('load.loopBudget', loopBudget),
    eventLoop: resolveEventLoopOptions('load.eventLoop', eventLoop),
    maxSpreadMs: checkNonNegative('load.maxSpreadMs', maxSpreadMs),
  };
}

/** Checks load options given at `path`; what is left out is inherited. @throws TypeError or RangeError naming the first wrong one. */
export function resolveRouteLoadOptions(
  path: string,
  options: RouteLoadOptions,
  inherited: ResolvedRouteLoadOptions,
  onError: SourceErrorListener,
): ResolvedRouteLoadOptions {
  const { sources, maxWaitMs } = checkOptions(options, ROUTE_OPTIONS, path);
  return {
    sources: sources === undefined ? inherited.sources : checkSources(`${path}.sources`, sources, onError),
    maxWaitMs: checkPositive(`${path}.maxWaitMs`, maxWaitMs ?? inherited.maxWaitMs),
    limitsEverySource: maxWaitMs !== undefined || inherited.limitsEverySource,
  };
}

function checkSources(
  path: string,
  sources: readonly LoadSource[],
  onError: SourceErrorListener,
): CheckedSource[] {
  if (!Array.isArray(sources)) throw new TypeError(`${path} must be an array, got ${typeof sources}`);
  return sources.map((source: LoadSource, index) => {
    checkFunction(`${path}[${index}].estimatedWaitMs`, source?.estimatedWaitMs);
    if (source.check !== undefined) checkFunction(`${path}[${index}].check`, source.check);
    return new CheckedSource(source, `${path}[${index}]`, onError);
  });
}
