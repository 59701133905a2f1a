import { RejectedError } from '@bp/core';
import type { KeyState } from '../keys/key-state.ts';
import type { ResolvedRedisRateLimiterOptions } from '../options.ts';
import type { SharedBucket } from '../store/shared-bucket.ts';

/** What is known of a call without a round trip; `ask` if only the store can decide it. */
export type Decision = 'admit' | 'reject' | 'ask';

/** Decides calls by what this instance holds and knows: without a round trip. Amounts are units, millionths of a token. */
export class Decider {
  readonly #options: ResolvedRedisRateLimiterOptions;
  readonly #bucket: SharedBucket;
  #decidedLocally = 0;

  constructor(options: ResolvedRedisRateLimiterOptions, bucket: SharedBucket) {
    this.#options = options;
    this.#bucket = bucket;
  }

  /** Calls that `whenUnavailable` decided. */
  get decidedLocally(): number {
    return this.#decidedLocally;
  }

  /** Decides one call; an admitted one is charged. */
  decide(state: KeyState, units: number, now: number): Decision {
    if (state.lease.trySpend(units, now)) {
      state.local.charge(units, now);
      return 'admit';
    }
    if (this.#bucket.state === 'unavailable') {
      return this.decideLocally(state, units, now) ? 'admit' : 'reject';
    }
    return this.isExhausted(state, units, now) ? 'reject' : 'ask';
  }

  /** Whether the call is admitted without the store; then its cost is a debt to the shared bucket. */
  decideLocally(state: KeyState, units: number, now: number): boolean {
    this.#decidedLocally++;
    const { whenUnavailable } = this.#options;
    const { outageAt } = this.#bucket;
    if (whenUnavailable === 'closed') return false;
    if (whenUnavailable === 'local' && !state.local.take(units, outageAt, now)) return false;
    if (!state.isOverflow) state.local.owe(units, outageAt, now);
    return true;
  }

  /** Whether the store would reject `units` even if it were asked now, by what its latest reply said. */
  isExhausted(state: KeyState, units: number, now: number): boolean {
    return state.isKnown(now) && this.#waitMs(state, units, state.fullAt, now) > this.#bucket.roundTripMs;
  }

  /** The rejection of a call that {@link Decider.decide} would reject now; undefined if it would not. */
  peek(state: KeyState, units: number, now: number): RejectedError | undefined {
    if (state.lease.available(now) >= units) return undefined;
    if (this.#bucket.state === 'available') {
      return this.isExhausted(state, units, now) ? this.rejection(state, units, now) : undefined;
    }
    if (this.#options.whenUnavailable === 'open') return undefined;
    const rejection = this.localRejection(state, units, now);
    const admitted = this.#options.whenUnavailable === 'local' && rejection.retryAfterMs === 0;
    return admitted ? undefined : rejection;
  }

  /** The rejection of a call that {@link Decider.decide} has rejected. */
  rejection(state: KeyState, units: number, now: number): RejectedError {
    if (this.#bucket.state === 'unavailable') return this.localRejection(state, units, now);
    return this.sharedRejection(state, units, state.fullAt + state.fullWithinMs, now);
  }

  /** The rejection of a call when the shared bucket is full at `fullAt`. */
  sharedRejection(state: KeyState, units: number, fullAt: number, now: number): RejectedError {
    const waitMs = this.#waitMs(state, units, fullAt, now);
    // A lease that expired during the request can leave a call without tokens that the store has: it may ask again.
    return this.#rateLimited(waitMs > 0 ? waitMs : Math.max(1, this.#bucket.roundTripMs));
  }

  /** The rejection of a call that {@link Decider.decideLocally} has rejected. */
  localRejection(state: KeyState, units: number, now: number): RejectedError {
    return this.#rateLimited(
      this.#options.whenUnavailable === 'closed'
        ? this.#bucket.probeInMs()
        : state.local.waitMs(units, this.#bucket.outageAt, now),
    );
  }

  /** Milliseconds until the shared bucket has what the lease lacks, if it is full at `fullAt`. */
  #waitMs(state: KeyState, units: number, fullAt: number, now: number): number {
    const { unitMs, capacityMs } = this.#options.limit;
    return fullAt + (units - state.lease.available(now)) * unitMs - capacityMs - now;
  }

  #rateLimited(retryAfterMs: number | undefined): RejectedError {
    return new RejectedError('RATE_LIMITED', this.#options.name, { retryAfterMs });
  }
}
