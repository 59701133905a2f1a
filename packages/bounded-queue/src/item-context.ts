import type { CallContext } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';

/** What a queue demands of the context of an item. */
export interface ItemRules {
  readonly maxWeight: number;
  /** Whether it shares between keys. */
  readonly keyed: boolean;
}

/** Whether a queue could ever hold an item with this context. Never throws. */
export function isItemContext(ctx: CallContext, { maxWeight, keyed }: ItemRules): boolean {
  if (ctx === EMPTY_CONTEXT) return true;
  const { cost = 1, priority = 0, key } = ctx;
  if (typeof cost !== 'number' || !(cost > 0 && cost <= maxWeight)) return false;
  if (typeof priority !== 'number' || Number.isNaN(priority)) return false;
  return !keyed || key === undefined || typeof key === 'string';
}

/** @throws TypeError or RangeError naming the field for which {@link isItemContext} is false. */
export function checkItemContext(ctx: CallContext, rules: ItemRules): void {
  if (isItemContext(ctx, rules)) return;
  const { cost = 1, priority = 0 } = ctx;
  for (const [name, value] of Object.entries({ cost, priority })) {
    if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${typeof value}`);
  }
  if (Number.isNaN(priority)) throw new RangeError('priority must be a number, got NaN');
  if (!(cost > 0 && cost <= rules.maxWeight)) {
    throw new RangeError(`cost must be above 0 and at most maxWeight = ${rules.maxWeight}, got ${cost}`);
  }
  throw new TypeError(`key must be a string, got ${typeof ctx.key}`);
}
