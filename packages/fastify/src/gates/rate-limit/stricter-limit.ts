import type { ClientLimitOptions } from '@bp/rate-limiter';

const DEFAULT_INTERVAL_MS = 1000;

const ratePerMs = ({ rate, intervalMs = DEFAULT_INTERVAL_MS }: ClientLimitOptions): number =>
  rate / intervalMs;
/** The burst of a limit, which is also the highest cost that it can admit. */
export const burstOf = ({ rate, burst = Math.max(1, rate) }: ClientLimitOptions): number =>
  Number.isFinite(rate) ? burst : Number.POSITIVE_INFINITY;

/** The limit that admits nothing that one of both would reject: the lower rate and the lower burst. It is `own` if that is stricter. */
export function stricterLimit(own: ClientLimitOptions, other: ClientLimitOptions): ClientLimitOptions {
  const lower = ratePerMs(own) <= ratePerMs(other) ? own : other;
  const burst = Math.min(burstOf(own), burstOf(other));
  if (burst === burstOf(lower)) return lower;
  const { rate, intervalMs } = lower;
  return { rate, intervalMs, burst };
}
