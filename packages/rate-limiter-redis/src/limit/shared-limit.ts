import { checkNonNegative, checkPositive } from '@bp/core/kit';
import { type LimitOptions, resolveLimit } from '@bp/rate-limiter/kit';
import type { DebitLimit } from '../store/debit-script.ts';
import { UNITS } from './units.ts';

const MAX_DEFAULT_LEASE_MS = 1000;
/** Tokens that a lease of default length lends at least. */
const MIN_LENT = 20;

/** A limit with what the algorithm derives from it. Amounts are units, millionths of a token. */
export interface SharedLimit extends DebitLimit {
  /** Milliseconds for which debited units may be spent; 0 if none are lent. */
  readonly leaseMs: number;
  /** What the shared bucket holds, and the highest cost of a call. */
  readonly capacity: number;
  /** The same in milliseconds: how long an empty shared bucket takes to fill. */
  readonly capacityMs: number;
  readonly rate: number;
  readonly intervalMs: number;
  /** The tokens of the burst of all instances together, and the milliseconds in which they come back. */
  readonly burst: number;
  readonly burstMs: number;
  /** Milliseconds in which one unit comes back. */
  readonly unitMs: number;
}

/** The options of a limit. */
export interface SharedLimitOptions extends LimitOptions {
  /** Tokens per `intervalMs` for each key, over all instances (> 0, finite). */
  readonly rate: number;
  /** Tokens a key may spend at once after a rest, over all instances (>= 1). Default: `rate`, at least 1. */
  readonly burst?: number | undefined;
  /**
   * Milliseconds for which debited tokens may be spent (>= 0); without effect in strict mode. What is lent is taken from the
   * burst, so a call of a leased limit may cost at most `burst - rate * leaseMs / intervalMs`, which must be at least 1.
   * Default: half the time in which the burst comes back, at most 1000; 0 if fewer than 20 tokens come back in that time, too
   * few to foresee who spends them.
   */
  readonly leaseMs?: number | undefined;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveSharedLimit(options: SharedLimitOptions, leased: boolean): SharedLimit {
  checkPositive('rate', options.rate);
  const { rate, intervalMs, burst, burstMs, tokenMs } = resolveLimit(options);
  if (burst < 1) throw new RangeError(`burst must be at least 1, the cost of a plain call, got ${burst}`);
  const longestLeaseMs = burstMs - tokenMs;
  const leaseMs = checkNonNegative('leaseMs', options.leaseMs ?? defaultLeaseMs(burstMs, tokenMs));
  if (leased && leaseMs > longestLeaseMs) {
    throw new RangeError(
      `leaseMs must be at most (burst - 1) * intervalMs / rate = ${longestLeaseMs}, so that a call of cost 1 fits, got ${leaseMs}`,
    );
  }
  const unitMs = tokenMs / UNITS;
  const capacity = Math.round((burst - (leased ? leaseMs / tokenMs : 0)) * UNITS);
  return {
    rate,
    intervalMs,
    leaseMs: leased ? leaseMs : 0,
    capacity,
    capacityMs: capacity * unitMs,
    burst,
    burstMs,
    unitMs,
    microsPerUnit: unitMs * 1000,
    toleranceMicros: capacity * unitMs * 1000,
  };
}

function defaultLeaseMs(burstMs: number, tokenMs: number): number {
  const leaseMs = Math.min(burstMs / 2, MAX_DEFAULT_LEASE_MS);
  return leaseMs / tokenMs < MIN_LENT ? 0 : leaseMs;
}
