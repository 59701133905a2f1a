/** Requests rejected since the start, by gate. */
export interface RejectedCounts {
  /** The server was shutting down. */
  readonly shutdown: number;
  /** The deadline would have passed before the response, or passed before the handler started. */
  readonly deadline: number;
  /** The client had exceeded its limit. */
  readonly rate_limit: number;
  /** The server was too busy. */
  readonly load: number;
  /** The context of an admitted request was cancelled before its handler started. */
  readonly cancelled: number;
  /** A route or hook threw a `RejectedError`: a queue was full, a breaker open. */
  readonly handler: number;
}

/** The gates by name; `handler` is a route or hook that threw a `RejectedError`. */
export type GateName = keyof RejectedCounts;

/** A snapshot of the plugin: gauges, and counters that only grow. */
export interface BackpressureStats {
  /** Requests admitted and not yet answered, including those of exempt routes. */
  readonly active: number;
  /** Active requests whose handler waits for a turn of the event loop. */
  readonly queued: number;
  /** Requests admitted, including those of exempt routes. */
  readonly admitted: number;
  /** Requests rejected, by gate. */
  readonly rejected: RejectedCounts;
  /** The same rejections by the name of the primitive; beyond 100 names, `others`. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** Requests whose client left before the response. */
  readonly disconnected: number;
  /** Load as a share of the limit of the least important requests; 0 without a load gate. */
  readonly pressure: number;
  /** Whether requests are rejected for load, or were within the last second. */
  readonly overloaded: boolean;
  /** The least lag of the event loop in the last interval, in milliseconds; 0 if it is not watched. */
  readonly eventLoopLagMs: number;
  /** The share (0 to 1) of the last interval in which the loop was busy; 0 if it is not watched. */
  readonly eventLoopUtilization: number;
  readonly shuttingDown: boolean;
}
