import { type CallContext, RejectedError } from '@bp/core';
import { checkBetween } from '@bp/core/kit';
import type { Budget } from './budget.ts';

/** The tokens that a call takes. */
export function costOf(ctx: CallContext): number {
  return ctx.cost ?? 1;
}

/** The rejection of a call that this limit will never admit. */
export function neverAdmitted(name: string): RejectedError {
  return new RejectedError('RATE_LIMITED', name, { retryAfterMs: Number.POSITIVE_INFINITY });
}

/** The rejection of a call by a closed limit. It carries no time, because another instance may admit the call at once. */
export function shuttingDown(name: string): RejectedError {
  return new RejectedError('SHUTTING_DOWN', name);
}

/** The rejection of a call by `limit`, which asks for a wait of `retryAfterMs`. */
export function rejectionBy(
  limit: Budget,
  ctx: CallContext,
  now: number,
  retryAfterMs: number,
): RejectedError {
  if (limit.check(ctx, now)?.code === 'SHUTTING_DOWN') return shuttingDown(limit.name);
  return new RejectedError('RATE_LIMITED', limit.name, { retryAfterMs });
}

/**
 * Checks the cost of a call. `maxCost` is the highest cost that was ever possible: a cost that became impossible later is no
 * mistake of the caller. At 0 nothing is ever admitted, whatever its cost.
 * @throws TypeError or RangeError naming `cost`.
 */
export function checkCost(cost: number, maxCost: number): void {
  checkBetween('cost', cost, 0, maxCost === 0 ? Number.POSITIVE_INFINITY : maxCost);
}
