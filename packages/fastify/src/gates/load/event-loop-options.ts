import { performance } from 'node:perf_hooks';
import { checkBetween, checkFunction, checkOptions, checkPositive, optionNames } from '@bp/core/kit';
import type { LoopTime } from './loop-monitor.ts';

/** How the event loop is watched. */
export interface EventLoopOptions {
  /** Milliseconds of lag (> 0) that may last for a whole interval before the loop counts as late. Default: 20. */
  readonly targetLagMs?: number | undefined;
  /** Milliseconds of lag of one turn (>= `targetLagMs`) from which requests are rejected at once. Default: 100. */
  readonly maxLagMs?: number | undefined;
  /** Milliseconds between two measurements (> 0, at most half of `intervalMs`). Default: 20. */
  readonly tickMs?: number | undefined;
  /** Milliseconds of one interval (> 0). Default: 100. */
  readonly intervalMs?: number | undefined;
  /** The utilisation of an interval (0 to 1) below which lag does not count as load. Default: 0.85. */
  readonly minUtilization?: number | undefined;
  /** Reads the idle and active time, for tests. Default: `performance.eventLoopUtilization` of node:perf_hooks. */
  readonly loopTime?: (() => LoopTime) | undefined;
}

/** {@link EventLoopOptions} with defaults. */
export type ResolvedEventLoopOptions = {
  readonly [K in keyof EventLoopOptions]-?: NonNullable<EventLoopOptions[K]>;
};

const OPTIONS = optionNames<EventLoopOptions>({
  targetLagMs: true,
  maxLagMs: true,
  tickMs: true,
  intervalMs: true,
  minUtilization: true,
  loopTime: true,
});

/** Checks the options given at `path`. @throws TypeError or RangeError naming the first wrong option. */
export function resolveEventLoopOptions(
  path: string,
  options: boolean | EventLoopOptions,
): ResolvedEventLoopOptions | undefined {
  if (options === false) return undefined;
  const given = options === true ? {} : options;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`${path} must be a boolean or an object, got ${typeof given}`);
  }
  const {
    targetLagMs = 20,
    maxLagMs = 100,
    tickMs = 20,
    intervalMs = 100,
    minUtilization = 0.85,
    loopTime = () => performance.eventLoopUtilization(),
  } = checkOptions(given, OPTIONS, path);
  checkPositive(`${path}.targetLagMs`, targetLagMs);
  checkPositive(`${path}.maxLagMs`, maxLagMs);
  checkPositive(`${path}.tickMs`, tickMs);
  checkPositive(`${path}.intervalMs`, intervalMs);
  checkBetween(`${path}.minUtilization`, minUtilization, 0, 1);
  checkFunction(`${path}.loopTime`, loopTime);
  if (maxLagMs < targetLagMs) {
    throw new RangeError(`${path}.maxLagMs must be at least targetLagMs = ${targetLagMs}, got ${maxLagMs}`);
  }
  if (tickMs > intervalMs / 2) {
    throw new RangeError(`${path}.tickMs must be at most half of intervalMs = ${intervalMs}, got ${tickMs}`);
  }
  return { targetLagMs, maxLagMs, tickMs, intervalMs, minUtilization, loopTime };
}
