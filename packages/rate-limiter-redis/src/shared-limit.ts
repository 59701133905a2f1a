import { checkNonNegative, checkPositive } from '@bp/core/kit';
import type { DebitLimit } from './debit-script.ts';
import type { LocalLimit } from './local-allowance.ts';

/** Permits are counted in millionths, so that sums of fractional costs are exact. */
const UNITS = 1e6;

/** A limit with what the algorithm derives from it. Amounts are units, millionths of a permit. */
export interface SharedLimit extends DebitLimit {
  /** Milliseconds for which debited units may be spent; 0 if every call is decided by the store. */
  readonly leaseMs: number;
  /** What the shared bucket holds, and the highest cost of a call. */
  readonly capacity: number;
  /** The same in milliseconds: how long an empty shared bucket takes to fill. */
  readonly capacityMs: number;
  /** The burst of all instances together, and the milliseconds in which it comes back. */
  readonly burst: number;
  readonly burstMs: number;
  /** Milliseconds in which one unit comes back. */
  readonly unitMs: number;
}

/** A cost in units; at least one unit. */
export function toUnits(cost: number): number {
  return Math.max(1, Math.round(cost * UNITS));
}

/** Units as permits. */
export function toPermits(units: number): number {
  return units / UNITS;
}

/** The options of a limit. */
export interface LimitOptions {
  /** Permits per `intervalMs` for each key, over all instances (> 0). */
  readonly rate: number;
  /** Milliseconds in which `rate` permits come back (> 0). Default: 1000. */
  readonly intervalMs?: number | undefined;
  /** Permits a key may spend at once after a rest, over all instances (>= 1). Default: `rate`, at least 1. */
  readonly burst?: number | undefined;
  /**
   * Milliseconds for which debited permits may be spent (>= 0); without effect in strict mode. What is lent is taken from the
   * burst, so a call of a leased limit may cost at most `burst - rate * leaseMs / intervalMs`, which must be at least 1.
   * Default: half the time in which the burst comes back, less if a cost of 1 needs it.
   */
  readonly leaseMs?: number | undefined;
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveLimit(options: LimitOptions, leased: boolean): SharedLimit {
  const rate = checkPositive('rate', options.rate);
  const intervalMs = checkPositive('intervalMs', options.intervalMs ?? 1000);
  const burst = checkPositive('burst', options.burst ?? Math.max(1, rate));
  const permitMs = intervalMs / rate;
  const burstMs = burst * permitMs;
  if (!(permitMs > 0 && burstMs < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`rate must bring the burst back in finite time, got ${rate} per ${intervalMs} ms`);
  }
  if (burst < 1) throw new RangeError(`burst must be at least 1, the cost of a plain call, got ${burst}`);
  const longestLeaseMs = burstMs - permitMs;
  const leaseMs = checkNonNegative('leaseMs', options.leaseMs ?? Math.min(burstMs / 2, longestLeaseMs));
  if (leased && leaseMs > longestLeaseMs) {
    throw new RangeError(
      `leaseMs must be at most (burst - 1) * intervalMs / rate = ${longestLeaseMs}, so that a call of cost 1 fits, got ${leaseMs}`,
    );
  }
  const unitMs = permitMs / UNITS;
  const lent = leased ? leaseMs / permitMs : 0;
  const capacity = Math.round((burst - lent) * UNITS);
  return {
    leaseMs: leased ? leaseMs : 0,
    capacity,
    capacityMs: capacity * unitMs,
    burst: Math.round(burst * UNITS),
    burstMs,
    unitMs,
    microsPerUnit: unitMs * 1000,
    toleranceMicros: capacity * unitMs * 1000,
  };
}

/** The part of the limit that one instance serves while the store is unavailable. */
export function localLimit(limit: SharedLimit, share: number, start: 'full' | 'empty'): LocalLimit {
  const initial = limit.burst * share;
  return {
    unitMs: limit.unitMs / share,
    // A share below one permit would never admit a call of cost 1.
    capacity: Math.max(UNITS, initial),
    initial,
    startsEmpty: start === 'empty',
    burst: limit.burst,
    burstMs: limit.burstMs,
  };
}
