/**
 * The one algorithm of this package: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
 *
 * All there is to know of a client is one number, its theoretical arrival time `tat`: when the bucket will be full
 * again, in milliseconds since the limiter started (milliseconds since 1970 would lose 2.3 % at a million a second to
 * rounding). `t` is the present on the same scale. A `tat` that is not after `t` says no more than no `tat` at all.
 */
import { type Limit, TIME_PRECISION } from './limit.ts';

/** Whether `cost` is a cost at all and not above what the bucket can ever hold. */
export function isPossible(limit: Limit, cost: number): boolean {
  return cost >= 0 && cost <= limit.burst;
}

/** From which `t` a possible `cost` is admitted. */
export function admissionTime(limit: Limit, tat: number, cost: number): number {
  return tat + cost * limit.tokenMs - limit.burstMs;
}

/** Whether a possible `cost` is admitted at `t`; never when either is not a number. */
export function admits(limit: Limit, tat: number, cost: number, t: number): boolean {
  return admissionTime(limit, tat, cost) - t <= t * TIME_PRECISION + limit.slackMs;
}

/** The `tat` after `cost` was taken at `t`. */
export function charge(limit: Limit, tat: number, cost: number, t: number): number {
  return Math.max(tat, t) + cost * limit.tokenMs;
}

/** The `tat` after `cost` was given back at `t`: never more than full. */
export function giveBack(limit: Limit, tat: number, cost: number, t: number): number {
  return Math.max(t, tat - cost * limit.tokenMs);
}

/** The tokens that have been spent and have not come back at `t`; above the burst after a penalty. */
export function spent(limit: Limit, tat: number, t: number): number {
  if (limit.tokenMs === 0 || !(tat > t)) return 0;
  // To the millionth: the rounding of times must not show in tokens.
  return Math.round(((tat - t) / limit.tokenMs) * 1e6) / 1e6;
}

/** The tokens that can be taken at `t`. */
export function remaining(limit: Limit, tat: number, t: number): number {
  return Math.max(0, limit.burst - spent(limit, tat, t));
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
