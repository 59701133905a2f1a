import { isRejected } from '@bp/core';

/** How a try settled. */
export type Settled = { readonly result: unknown } | { readonly error: unknown };

/**
 * What follows from a try: it is `final`, it may be followed by a `retry`, or by one that comes no earlier than in
 * `retryAfterMs`; below 0, NaN and Infinity mean never.
 */
export type RetryDecision = 'final' | 'retry' | { readonly retryAfterMs: number };

/**
 * What follows from an error unless the caller says otherwise: a retry, no earlier than its `retryAfterMs` if it has
 * one; nothing where somebody gave up on purpose or is closing. A deadline that was missed may have been that of the
 * try alone; if it was that of the call, there is no time left for a retry anyway.
 */
export function verdictOnError(error: unknown): RetryDecision {
  const gaveUp = isRejected(error)
    ? error.code === 'CANCELLED' || error.code === 'SHUTTING_DOWN'
    : error instanceof Error && error.name === 'AbortError';
  if (gaveUp) return 'final';
  const retryAfterMs = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof retryAfterMs === 'number' ? { retryAfterMs } : 'retry';
}

/** What follows from a try unless the caller says otherwise: whatever was returned is the answer. */
export function defaultVerdict(settled: Settled): RetryDecision {
  return 'error' in settled ? verdictOnError(settled.error) : 'final';
}
