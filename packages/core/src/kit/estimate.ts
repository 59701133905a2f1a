/**
 * The most that any estimated wait may be, in milliseconds: five minutes. Exact waits, such as those of a rate limiter, have
 * no such bound.
 */
export const MAX_ESTIMATE_MS = 300_000;
