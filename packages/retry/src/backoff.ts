/** What the wait before a retry is made from. */
export interface Backoff {
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly random: () => number;
}

/**
 * Milliseconds to wait after try number `attempt` (from 1): evenly anywhere from 0 to a limit that doubles with each try
 * ("full jitter"), so that those who failed together do not return together. It comes on top of `serverDelayMs`, what the
 * other side has asked for.
 */
export function waitAfter(attempt: number, serverDelayMs: number, backoff: Backoff): number {
  const limitMs = Math.min(backoff.maxBackoffMs, backoff.backoffMs * 2 ** (attempt - 1));
  return serverDelayMs + backoff.random() * limitMs;
}
