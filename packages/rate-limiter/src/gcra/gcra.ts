/**
 * The algorithm of this package: the generic cell rate algorithm (ITU-T I.371) in its form of a continuous-state leaky
 * bucket.
 *
 * The whole state of a client is its debt: the milliseconds until its bucket is full again. Time reduces the debt, a call
 * adds to it. Debts are durations and not points in time, so their precision does not depend on the uptime.
 */
import type { Limit } from './limit.ts';

/** Whether `cost` is a number of at least 0 and not above the burst. */
export function isPossible(limit: Limit, cost: number): boolean {
  return typeof cost === 'number' && cost >= 0 && cost <= limit.burst;
}

/** Whether a possible `cost` is admitted at a debt of `debtMs`; false for `NaN`. */
export function admits(limit: Limit, debtMs: number, cost: number): boolean {
  return debtMs + cost * limit.tokenMs - limit.burstMs <= limit.slackMs;
}

/** Milliseconds after which `cost` is admitted at a debt of `debtMs`: 0 if it is now, `Infinity` if it never is. */
export function waitMs(limit: Limit, debtMs: number, cost: number): number {
  if (!isPossible(limit, cost)) return Number.POSITIVE_INFINITY;
  if (admits(limit, debtMs, cost)) return 0;
  return limit.rate === 0 ? Number.POSITIVE_INFINITY : debtMs + cost * limit.tokenMs - limit.burstMs;
}

/** The debt after `cost` was taken; it may exceed the burst. */
export function charge(limit: Limit, debtMs: number, cost: number): number {
  return debtMs + cost * limit.tokenMs;
}

/** The debt after `cost` was given back: a full bucket stays full. */
export function giveBack(limit: Limit, debtMs: number, cost: number): number {
  return Math.max(0, debtMs - cost * limit.tokenMs);
}

/** The debt in tokens, rounded to a millionth of a token; above the burst after a penalty. */
export function spentTokens(limit: Limit, debtMs: number): number {
  if (limit.tokenMs === 0) return 0;
  return Math.round((debtMs / limit.tokenMs) * 1e6) / 1e6;
}

/** The debt under limit `to` that equals `debtMs` under limit `from`, in tokens. */
export function transferDebt(from: Limit, to: Limit, debtMs: number): number {
  return from.tokenMs === 0 ? 0 : (debtMs / from.tokenMs) * to.tokenMs;
}
