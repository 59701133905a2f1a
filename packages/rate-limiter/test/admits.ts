import type { CallContext } from '@bp/core';
import type { Budget } from '../src/index.ts';

/** Whether the call would be admitted now. */
export function admits(limit: Budget, ctx?: CallContext, now?: number): boolean {
  return limit.retryAfterMs(ctx, now) === 0;
}
