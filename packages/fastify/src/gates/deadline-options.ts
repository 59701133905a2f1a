import { checkDuration, checkNonNegative, checkOptions, checkPositive, optionNames } from '@bp/core/kit';

/** How the deadline of a request is read and bounded. */
export interface DeadlineOptions {
  /** Milliseconds for a request without a valid timeout header (> 0, at most `maxMs`). Default: no deadline. */
  readonly defaultMs?: number | undefined;
  /** The most milliseconds that a client may ask for (> 0, at most ten years); a longer timeout is cut to this. Default: 60 000. */
  readonly maxMs?: number | undefined;
  /**
   * Milliseconds that a response takes to reach the client (>= 0). A request with no more time left than its estimated wait and
   * this margin is rejected at once. Default: 10.
   */
  readonly marginMs?: number | undefined;
}

/** {@link DeadlineOptions} with defaults. */
export interface ResolvedDeadlineOptions {
  readonly defaultMs: number | undefined;
  readonly maxMs: number;
  readonly marginMs: number;
}

const OPTIONS = optionNames<DeadlineOptions>({ defaultMs: true, maxMs: true, marginMs: true });
const DEFAULT_MAX_MS = 60_000;
const DEFAULT_MARGIN_MS = 10;

/** Checks the options given at `path`. @throws TypeError or RangeError naming the first wrong option. */
export function resolveDeadlineOptions(path: string, options: DeadlineOptions): ResolvedDeadlineOptions {
  const {
    defaultMs,
    maxMs = DEFAULT_MAX_MS,
    marginMs = DEFAULT_MARGIN_MS,
  } = checkOptions(options, OPTIONS, path);
  checkDuration(`${path}.maxMs`, checkPositive(`${path}.maxMs`, maxMs));
  checkDuration(`${path}.marginMs`, checkNonNegative(`${path}.marginMs`, marginMs));
  if (defaultMs !== undefined) {
    checkDuration(`${path}.defaultMs`, checkPositive(`${path}.defaultMs`, defaultMs));
  }
  if (defaultMs !== undefined && defaultMs > maxMs) {
    throw new RangeError(`${path}.defaultMs must be at most ${path}.maxMs = ${maxMs}, got ${defaultMs}`);
  }
  return { defaultMs, maxMs, marginMs };
}
