/** What the pause before a retry is computed from. */
export interface Backoff {
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly random: () => number;
}

/**
 * Computes the pause after attempt number `attempt` (from 1): `serverDelayMs`, plus a random time between 0 and a limit that
 * doubles with each attempt ("full jitter"), so that calls that failed together do not return together.
 */
export function pauseAfter(attempt: number, serverDelayMs: number, backoff: Backoff): number {
  const limitMs = Math.min(backoff.maxBackoffMs, backoff.backoffMs * 2 ** (attempt - 1));
  return serverDelayMs + backoff.random() * limitMs;
}
