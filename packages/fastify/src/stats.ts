/** Requests rejected since the start, by what rejected them. */
export interface RejectedCounts {
  /** The server was shutting down. */
  readonly shutdown: number;
  /** There was not enough time left for an answer. */
  readonly deadline: number;
  /** The client had sent its share. */
  readonly rate_limit: number;
  /** The server was too busy. */
  readonly load: number;
  /** A route threw a `RejectedError`: a queue was full, a breaker open. These had been admitted. */
  readonly handler: number;
}

/** A snapshot of the plugin: gauges and counters that only grow. */
export interface BackpressureStats {
  /** Requests admitted and not yet answered, those of exempt routes too. */
  readonly active: number;
  /** Of them, those whose handler waits for its turn of the loop. */
  readonly waiting: number;
  /** Requests ever admitted, those of exempt routes too. */
  readonly admitted: number;
  readonly rejected: RejectedCounts;
  /** Requests whose client left before it was answered. */
  readonly disconnected: number;
  /** Load as a share of what the least important requests may meet; 0 without a load gate. */
  readonly pressure: number;
  /** Whether requests are being rejected for load, or were within the last second. */
  readonly overloaded: boolean;
  /** Least lag of the event loop in the last interval, in milliseconds; 0 if it is not watched. */
  readonly eventLoopLagMs: number;
  /** Share (0 to 1) of the last interval in which the loop was busy; 0 if it is not watched. */
  readonly eventLoopUtilization: number;
  readonly shuttingDown: boolean;
}
