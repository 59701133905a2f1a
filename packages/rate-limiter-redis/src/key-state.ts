import { Demand } from './demand.ts';
import { Lease } from './lease.ts';
import { LocalAllowance, type LocalLimit } from './local-allowance.ts';
import type { PendingCall } from './pending-calls.ts';
import type { SharedLimit } from './shared-limit.ts';

/** What one instance knows of one key. */
export class KeyState {
  readonly isOverflow: boolean;
  /** Permits debited from the shared bucket. */
  readonly lease: Lease;
  readonly demand: Demand;
  readonly local: LocalAllowance;
  /** Calls that wait for the next request to the store. */
  waiting: PendingCall[] = [];
  /** Whether a request for all waiting calls is planned or under way. */
  asking = false;
  /** Requests under way. */
  requests = 0;
  /** A refill is due when the lease holds less than this. */
  lowWater = 0;
  /**
   * The earliest time at which the shared bucket can be full, as the latest reply has it. Debits of other instances move that
   * time back, never forward; so what it excludes stays excluded, and needs no further round trip.
   */
  fullAt = Number.NEGATIVE_INFINITY;
  /** How much later than `fullAt` the bucket may be full, for the time that the reply took. */
  fullWithinMs = 0;

  /** @param isOverflow - whether it serves all keys without a state of their own: then it holds nothing of the shared bucket. */
  constructor(limit: SharedLimit, local: LocalLimit, now: number, isOverflow = false) {
    this.isOverflow = isOverflow;
    this.lease = new Lease(limit.leaseMs);
    this.demand = new Demand(Math.max(1, limit.leaseMs), now);
    this.local = new LocalAllowance(local, now);
  }

  /** Whether nothing is lost by forgetting it. */
  isForgettable(outageAt: number, now: number): boolean {
    return (
      this.requests === 0 &&
      !this.asking &&
      now >= this.fullAt &&
      this.lease.available(now) === 0 &&
      this.local.isFresh(outageAt, now)
    );
  }
}
