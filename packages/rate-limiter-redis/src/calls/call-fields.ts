import type { CallContext } from '@bp/core';

/** Returns the key of a call; calls without a key share the empty one. @throws TypeError if it is no string. */
export function checkKey({ key = '' }: CallContext): string {
  if (typeof key !== 'string') throw new TypeError(`key must be a string, got a value of type ${typeof key}`);
  return key;
}

/** Returns the cost of a call. @throws TypeError or RangeError if it is no number above 0, or is above `maxCost`. */
export function checkCost({ cost = 1 }: CallContext, maxCost: number): number {
  if (typeof cost !== 'number') {
    throw new TypeError(`cost must be a number, got a value of type ${typeof cost}`);
  }
  if (!(cost > 0 && cost <= maxCost)) {
    throw new RangeError(`cost must be above 0 and at most ${maxCost}, got ${cost}`);
  }
  return cost;
}

/** Returns whether both fields are valid. Never throws. */
export function hasValidFields({ key = '', cost = 1 }: CallContext, maxCost: number): boolean {
  return typeof key === 'string' && typeof cost === 'number' && cost > 0 && cost <= maxCost;
}
