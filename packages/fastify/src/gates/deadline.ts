import type { IncomingHttpHeaders } from 'node:http';
import { GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs, parseTimeoutMs, TIMEOUT_HEADER } from '@bp/context';
import { checkNonNegative, checkPositive } from '@bp/core/kit';

/** How the time a client gives its request is read and bounded. */
export interface DeadlineOptions {
  /** Milliseconds for a request that names no timeout, or none that can be read (> 0). Default: no deadline. */
  readonly defaultMs?: number | undefined;
  /** The most milliseconds a client may ask for (> 0); a longer timeout is cut down to it. Default: 60 000. */
  readonly maxMs?: number | undefined;
  /**
   * Milliseconds an answer takes to get back to the client (>= 0): a request that has no more left than this, after
   * whatever wait it faces, is rejected at once. Default: 10.
   */
  readonly marginMs?: number | undefined;
}

/** The same as the code holds it. */
export interface ResolvedDeadlineOptions {
  readonly defaultMs: number | undefined;
  readonly maxMs: number;
  readonly marginMs: number;
}

const DEFAULT_MAX_MS = 60_000;
const DEFAULT_MARGIN_MS = 10;

/** @param path - what the options are called where they were given. @throws TypeError or RangeError naming it. */
export function resolveDeadlineOptions(path: string, options: DeadlineOptions): ResolvedDeadlineOptions {
  const { defaultMs, maxMs = DEFAULT_MAX_MS, marginMs = DEFAULT_MARGIN_MS } = options;
  checkPositive(`${path}.maxMs`, maxMs);
  checkNonNegative(`${path}.marginMs`, marginMs);
  if (defaultMs !== undefined) checkPositive(`${path}.defaultMs`, defaultMs);
  if (defaultMs !== undefined && defaultMs > maxMs) {
    throw new RangeError(`${path}.defaultMs must be at most ${path}.maxMs = ${maxMs}, got ${defaultMs}`);
  }
  return { defaultMs, maxMs, marginMs };
}

/** When the answer to a request that is read at `now` becomes worthless; undefined if it says nothing and nothing is assumed. */
export function deadlineOf(
  headers: IncomingHttpHeaders,
  { defaultMs, maxMs }: ResolvedDeadlineOptions,
  now: number,
): number | undefined {
  const timeoutMs =
    parsed(headers[TIMEOUT_HEADER], parseTimeoutMs) ??
    parsed(headers[GRPC_TIMEOUT_HEADER], parseGrpcTimeoutMs) ??
    defaultMs;
  return timeoutMs === undefined ? undefined : now + Math.min(timeoutMs, maxMs);
}

/** Milliseconds by which an answer that waits for `waitMs` comes too late (> 0), or will be early. */
export function latenessMs(
  deadline: number,
  { marginMs }: ResolvedDeadlineOptions,
  waitMs: number,
  now: number,
): number {
  return now + waitMs + marginMs - deadline;
}

function parsed(
  value: string | readonly string[] | undefined,
  parse: (value: string) => number | undefined,
): number | undefined {
  return typeof value === 'string' ? parse(value) : undefined;
}
