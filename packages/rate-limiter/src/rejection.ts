import { type CallContext, type Clock, RejectedError, type RejectionCode } from '@bp/core';
import { rejectionAtEntry } from '@bp/core/kit';
import type { Budget } from './budget.ts';

/** The tokens that a call takes. */
export function costOf(ctx: CallContext): number {
  return ctx.cost ?? 1;
}

/** The rejection of a call that `isOver`. Unlike `rejectionAtEntry` it never throws: a deadline that is none has passed. */
export function overRejection(ctx: CallContext, clock: Clock, name: string): RejectedError {
  try {
    const rejection = rejectionAtEntry(ctx, clock, name);
    if (rejection !== undefined) return rejection;
  } catch {}
  return new RejectedError('DEADLINE_EXCEEDED', name);
}

/** The rejection of a call that this limit will never admit. */
export function neverAdmitted(code: RejectionCode, name: string): RejectedError {
  return new RejectedError(code, name, { retryAfterMs: Number.POSITIVE_INFINITY });
}

/** The rejection of a call by `limit`, which asks for a wait of `retryAfterMs`. */
export function rejectionBy(
  limit: Budget,
  ctx: CallContext,
  now: number,
  retryAfterMs: number,
): RejectedError {
  const isClosed = limit.check(ctx, now)?.code === 'SHUTTING_DOWN';
  return new RejectedError(isClosed ? 'SHUTTING_DOWN' : 'RATE_LIMITED', limit.name, { retryAfterMs });
}

/**
 * Checks the cost of a call. `maxCost` is the highest cost that was ever possible: a cost that became impossible later is no
 * mistake of the caller. At 0 nothing is ever admitted, whatever its cost.
 * @throws TypeError or RangeError naming `cost`.
 */
export function checkCost(cost: number, maxCost: number): void {
  if (cost >= 0 && (cost <= maxCost || maxCost === 0) && typeof cost === 'number') return;
  const message = `cost must be a number from 0 to ${maxCost}, got ${String(cost)} (${typeof cost})`;
  throw typeof cost === 'number' ? new RangeError(message) : new TypeError(message);
}
