import type { PendingCall } from '../calls/pending-calls.ts';
import type { SharedLimit } from '../limit/shared-limit.ts';
import { Demand } from './demand.ts';
import { Lease } from './lease.ts';
import { LocalAllowance, type LocalLimit } from './local-allowance.ts';

const MAX_KNOWN_MS = 1000;

/** What one instance knows of one key. */
export class KeyState {
  readonly isOverflow: boolean;
  /** Tokens debited from the shared bucket. */
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
   * time back, never forward; so what it excludes stays excluded, and needs no further round trip while the reply counts.
   */
  fullAt = Number.NEGATIVE_INFINITY;
  /** When that reply came. */
  repliedAt = Number.NEGATIVE_INFINITY;
  /** How much later than `fullAt` the bucket may be full, for the time that the reply took. */
  fullWithinMs = 0;

  /** @param isOverflow - whether it serves all keys without a state of their own: then it holds nothing of the shared bucket. */
  constructor(limit: SharedLimit, local: LocalLimit, now: number, isOverflow = false) {
    this.isOverflow = isOverflow;
    this.lease = new Lease(limit.leaseMs);
    this.demand = new Demand(Math.max(1, limit.leaseMs), now);
    this.local = new LocalAllowance(local, now);
  }

  /** Whether the latest reply still counts: not for long, so that a store that was reset is believed soon. */
  isKnown(now: number): boolean {
    return now < this.repliedAt + MAX_KNOWN_MS;
  }

  /** Whether it can be forgotten. What was charged locally matters only in an outage, which it keeps within the limit. */
  isForgettable(isAvailable: boolean, outageAt: number, now: number): boolean {
    return (
      this.requests === 0 &&
      !this.asking &&
      !(this.isKnown(now) && now < this.fullAt) &&
      this.lease.available(now) === 0 &&
      this.local.owed(outageAt, now) === 0 &&
      (isAvailable || this.local.isFresh(outageAt, now))
    );
  }
}
