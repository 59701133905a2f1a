/**
 * The one algorithm of this package: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
 *
 * All there is to know of a client is one number, its theoretical arrival time `tat`: when its bucket will be full
 * again, in milliseconds since the limiter started (milliseconds since 1970 would lose 2.3 % at a million a second to
 * rounding). `t` is the present on the same scale. A `tat` that is not after `t` says no more than no `tat` at all.
 */
import type { Limit } from './limit.ts';

// Not exported: V8 would box it at every use.
const PRECISION = 2 ** -40;

/** How far apart two times near `ms` may be and still count as the same: a trillionth. */
export function rounding(ms: number): number {
  return ms * PRECISION;
}

/** Whether `cost` is a cost at all, and not above what the bucket can ever hold. */
export function isPossible(limit: Limit, cost: number): boolean {
  return cost >= 0 && cost <= limit.burst;
}

/** From which `t` a possible `cost` is admitted. */
export function admissionTime(limit: Limit, tat: number, cost: number): number {
  return tat + cost * limit.tokenMs - limit.burstMs;
}

/** Whether a possible `cost` is admitted at `t`; never when either is not a number. */
export function admits(limit: Limit, tat: number, cost: number, t: number): boolean {
  return admissionTime(limit, tat, cost) - t <= rounding(t) + limit.slackMs;
}

/** The `tat` after `cost` was taken at `t`, or at `t` was promised to those who come first. */
export function charge(limit: Limit, tat: number, cost: number, t: number): number {
  return Math.max(tat, t) + cost * limit.tokenMs;
}

/** The `tat` after `cost` was given back at `t`: a full bucket stays full. */
export function giveBack(limit: Limit, tat: number, cost: number, t: number): number {
  return Math.max(t, tat - cost * limit.tokenMs);
}

/** The tokens that were spent and have not come back at `t`; above the burst after a penalty. */
export function spent(limit: Limit, tat: number, t: number): number {
  if (limit.tokenMs === 0 || !(tat > t)) return 0;
  // To the millionth: the rounding of times must not show in tokens.
  return Math.round(((tat - t) / limit.tokenMs) * 1e6) / 1e6;
}

/** The `tat` under `to` of who has `tat` under `from`: what was spent stays spent, in tokens. */
export function transfer(from: Limit, to: Limit, tat: number, t: number): number {
  if (from.tokenMs === 0 || !(tat > t)) return t;
  return t + ((tat - t) / from.tokenMs) * to.tokenMs;
}

/** The `tat` of who must not be admitted, at no cost, before `until`. */
export function blockUntil(limit: Limit, tat: number, until: number): number {
  return Math.max(tat, until + limit.burstMs);
}

/**
 * Milliseconds from `now` until a clock that read `start` at `t = 0` has reached `t`. Rounding of large clock values
 * must not let `now` plus the result fall short of it.
 */
export function untilTime(t: number, start: number, now: number): number {
  const wait = t - (now - start);
  const at = now + wait;
  return at - start >= t ? wait : at + Math.abs(at) * Number.EPSILON - now;
}
