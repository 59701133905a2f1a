import { admits, charge, type Limit, resolveLimit, waitMs } from '@bp/rate-limiter/kit';
import type { SharedLimit } from '../limit/shared-limit.ts';
import { toTokens, UNITS } from '../limit/units.ts';

/** What one instance may admit of one key without the store. */
export interface LocalLimit {
  readonly bucket: Limit;
  /** The debt with which a key begins: above 0 if the bucket holds more than the share of the burst. */
  readonly initialDebtMs: number;
  /** Whether every bucket is empty when an outage begins. */
  readonly startsEmpty: boolean;
  /** The most units a key can owe: more would make no difference to the shared bucket. */
  readonly maxOwed: number;
  /** Milliseconds in which an empty shared bucket fills. */
  readonly sharedFillMs: number;
}

/** Derives the part of the limit that one instance serves while the store is unavailable. */
export function localLimit(limit: SharedLimit, share: number, start: 'full' | 'empty'): LocalLimit {
  // A share below one token would never admit a call of cost 1.
  const burst = Math.max(1, limit.burst * share);
  const bucket = resolveLimit({ rate: limit.rate * share, intervalMs: limit.intervalMs, burst });
  return {
    bucket,
    initialDebtMs: (burst - limit.burst * share) * bucket.tokenMs,
    startsEmpty: start === 'empty',
    maxOwed: limit.burst * UNITS,
    sharedFillMs: limit.burstMs,
  };
}

/**
 * The local bucket of one key for the time in which the store is unavailable, and what the key then owes to the shared bucket.
 *
 * Calls that the store admitted are charged here too, so that an outage is no second allowance. Calls that are admitted here
 * are owed: the shared bucket is charged with them once the store is back. The shared bucket refills by itself during the
 * first `sharedFillMs` of an outage; what is owed shrinks by the local rate only after that.
 */
export class LocalAllowance {
  readonly #limit: LocalLimit;
  #debtMs: number;
  #at: number;
  #outageAt = Number.NEGATIVE_INFINITY;
  #owed = 0;
  #owedAt: number;

  constructor(limit: LocalLimit, now: number) {
    this.#limit = limit;
    this.#debtMs = limit.initialDebtMs;
    this.#at = now;
    this.#owedAt = now;
  }

  /** Takes `units` in the outage that began at `outageAt`, if they are there. */
  take(units: number, outageAt: number, now: number): boolean {
    const { bucket } = this.#limit;
    this.#advance(outageAt, now);
    if (!admits(bucket, this.#debtMs, toTokens(units))) return false;
    this.#debtMs = charge(bucket, this.#debtMs, toTokens(units));
    return true;
  }

  /** Charges what the store has admitted; it empties the bucket at most. */
  charge(units: number, now: number): void {
    const { bucket } = this.#limit;
    this.#advance(this.#outageAt, now);
    this.#debtMs = Math.min(bucket.burstMs, charge(bucket, this.#debtMs, toTokens(units)));
  }

  /** Returns the milliseconds until `units` are there; undefined if they never will be. */
  waitMs(units: number, outageAt: number, now: number): number | undefined {
    this.#advance(outageAt, now);
    const ms = waitMs(this.#limit.bucket, this.#debtMs, toTokens(units));
    return ms === Number.POSITIVE_INFINITY ? undefined : ms;
  }

  /** Remembers units that were admitted without the store. */
  owe(units: number, outageAt: number, now: number): void {
    this.#owed = Math.min(this.#limit.maxOwed, this.owed(outageAt, now) + units);
  }

  /** Forgets units that the store has charged. */
  repay(units: number): void {
    this.#owed = Math.max(0, this.#owed - units);
  }

  /** Returns the whole units with which the shared bucket is to be charged. */
  owed(outageAt: number, now: number): number {
    const from = Math.max(this.#owedAt, outageAt + this.#limit.sharedFillMs);
    if (now > from) {
      this.#owed = Math.max(0, this.#owed - ((now - from) / this.#limit.bucket.tokenMs) * UNITS);
    }
    this.#owedAt = Math.max(this.#owedAt, now);
    return Math.ceil(this.#owed);
  }

  /** Whether a new allowance would admit no more. */
  isFresh(outageAt: number, now: number): boolean {
    this.#advance(outageAt, now);
    return this.#debtMs <= this.#limit.initialDebtMs;
  }

  #advance(outageAt: number, now: number): void {
    if (outageAt > this.#outageAt) {
      this.#outageAt = outageAt;
      if (this.#limit.startsEmpty) {
        this.#debtMs = this.#limit.bucket.burstMs;
        this.#at = outageAt;
      }
    }
    if (now <= this.#at) return;
    this.#debtMs = Math.max(0, this.#debtMs - (now - this.#at));
    this.#at = now;
  }
}
