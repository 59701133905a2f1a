import { isRejected } from '@bp/core';

/** How an attempt ended. */
export type AttemptResult = { readonly result: unknown } | { readonly error: unknown };

/**
 * What follows an attempt: nothing if it is `final`; another attempt after the backoff for `retry`; with `retryAfterMs`,
 * another attempt no earlier than that. `Infinity` means never; `undefined`, `NaN` and negative numbers mean unknown, which is
 * a `retry`.
 */
export type RetryDecision = 'final' | 'retry' | { readonly retryAfterMs: number | undefined };

/** Returns the server delay of a decision in milliseconds: 0 if unknown, `Infinity` for never. */
export function serverDelayOf(decision: 'retry' | { readonly retryAfterMs: number | undefined }): number {
  const delayMs = decision === 'retry' ? undefined : decision.retryAfterMs;
  return delayMs !== undefined && delayMs >= 0 ? delayMs : 0;
}

/**
 * Decides by default about an error: a retry, no earlier than its `retryAfterMs` if it has one. A cancellation and the end of
 * a primitive are final. A missed deadline may have been that of the attempt alone; if it was that of the call, no time is
 * left for another attempt anyway.
 */
export function decideOnError(error: unknown): RetryDecision {
  const isFinal = isRejected(error)
    ? error.code === 'CANCELLED' || error.code === 'SHUTTING_DOWN'
    : error instanceof Error && error.name === 'AbortError';
  if (isFinal) return 'final';
  const retryAfterMs = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof retryAfterMs === 'number' ? { retryAfterMs } : 'retry';
}

/** Decides by default: every result is final. */
export function decideByDefault(ended: AttemptResult): RetryDecision {
  return 'error' in ended ? decideOnError(ended.error) : 'final';
}
