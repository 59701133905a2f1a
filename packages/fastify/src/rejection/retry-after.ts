import type { RejectedError, RejectionCode } from '@bp/core';

/** How `Retry-After` is computed from a rejection. */
export interface RetryAfterOptions {
  /** The share (0 to 1) of the wait that is added at random, so that clients do not return together. */
  readonly jitter: number;
  readonly random: () => number;
  /** Milliseconds sent for an unknown wait (> 0). */
  readonly unknownRetryAfterMs: number;
  /** The most milliseconds of an estimated wait (> 0). */
  readonly maxEstimateMs: number;
}

/** Waits that are known, and sent in full: limits, shutdowns and open circuits have a time. Every other wait is an estimate. */
const EXACT: ReadonlySet<RejectionCode> = new Set(['RATE_LIMITED', 'SHUTTING_DOWN', 'CIRCUIT_OPEN']);

/** RFC 9111 lets recipients take more seconds than this for this many. */
const MAX_SECONDS = 2 ** 31;

/** Computes the seconds of `Retry-After`. */
export class RetryAfter {
  readonly #options: RetryAfterOptions;

  constructor(options: RetryAfterOptions) {
    this.#options = options;
  }

  /**
   * Whole seconds (>= 1), rounded up, for `rejection`; undefined if no time is sent. A wait that never ends has no time, and
   * neither has an exceeded deadline with an unknown wait: it needs more time, not another attempt.
   * @param spreadMs - milliseconds over which clients should return; the larger of this and the jitter counts.
   * @param unknownMs - milliseconds to send for an unknown wait. Default: `unknownRetryAfterMs`.
   */
  seconds(
    rejection: RejectedError,
    spreadMs = 0,
    unknownMs = this.#options.unknownRetryAfterMs,
  ): number | undefined {
    const { jitter, random } = this.#options;
    const waitMs = this.#waitMs(rejection, unknownMs);
    if (waitMs === undefined || waitMs === Number.POSITIVE_INFINITY) return undefined;
    const share = random();
    const laterMs = (share >= 0 && share <= 1 ? share : 0) * Math.max(jitter * waitMs, spreadMs);
    return Math.min(MAX_SECONDS, Math.max(1, Math.ceil((waitMs + laterMs) / 1000)));
  }

  #waitMs({ code, retryAfterMs }: RejectedError, unknownMs: number): number | undefined {
    // A rejection of another copy of core may carry anything.
    if (typeof retryAfterMs !== 'number' || !(retryAfterMs >= 0)) {
      return code === 'DEADLINE_EXCEEDED' ? undefined : unknownMs;
    }
    if (retryAfterMs === Number.POSITIVE_INFINITY || EXACT.has(code)) return retryAfterMs;
    return Math.min(retryAfterMs, this.#options.maxEstimateMs);
  }
}
