import type { CallContext, RejectedError, Unsubscribe } from '@bp/core';

/**
 * What changed about a budget. `limit`: its limit changed or it closed, so calls may have become impossible; `tokens`:
 * only the time at which calls are admitted changed.
 */
export type BudgetChange = 'limit' | 'tokens';

/**
 * A limit that takes tokens without waiting: what `AllOf` combines and what a `PerClientRateLimiter` has as its parent. Budgets
 * that are combined share one clock. Every `now` is the time of that clock; default: read from it.
 */
export interface Budget {
  /** The name of the limit in rejections. */
  readonly name: string;
  /** The highest cost that can be admitted at present. */
  maxCost(ctx?: CallContext): number;
  /** Takes `ctx.cost` tokens if they are available. Never throws, never waits. */
  tryAcquire(ctx?: CallContext, now?: number): boolean;
  /** Returns the rejection with which the call would be rejected at once, or undefined. Takes nothing. */
  check(ctx?: CallContext, now?: number): RejectedError | undefined;
  /**
   * Returns the milliseconds after `now` from which the call is admitted: 0 if it is now, `Infinity` if it never is.
   * @param ahead - tokens that other calls take before this one. Default: 0.
   */
  retryAfterMs(ctx?: CallContext, now?: number, ahead?: number): number;
  /** Gives back `ctx.cost` tokens that were taken and not used; a full bucket stays full. */
  refund(ctx?: CallContext, now?: number): void;
  /** Undoes a `tryAcquire` of this very moment: as if the call had not been made. Notifies no listener. */
  undo(ctx?: CallContext, now?: number): void;
  /** Calls `listener` after every change that may admit a call at another time than `retryAfterMs` said before. */
  onChange(listener: (change: BudgetChange) => void): Unsubscribe;
}

const METHODS = [
  'tryAcquire',
  'check',
  'retryAfterMs',
  'refund',
  'undo',
  'maxCost',
  'onChange',
] as const satisfies readonly (keyof Budget)[];

/** Returns `value` if it is a budget. @throws TypeError naming `path` and the missing method. */
export function checkBudget(path: string, value: Budget): Budget {
  for (const method of METHODS) {
    if (typeof value?.[method] !== 'function') throw new TypeError(`${path} must have a ${method}() method`);
  }
  return value;
}
