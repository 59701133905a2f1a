/** Counters of a limiter since it was made, and its queue. Every call is either admitted, rejected, shadowed or queued. */
export interface LimiterStats {
  /** Calls that wait in `acquire` or `execute`. */
  readonly queued: number;
  /** Calls admitted so far, at once or after waiting. */
  readonly admitted: number;
  /** Calls rejected so far, at once or while they waited. */
  readonly rejected: number;
  /** Calls admitted only because of `shadow`; they are not among `admitted` and took nothing. */
  readonly shadowed: number;
}
