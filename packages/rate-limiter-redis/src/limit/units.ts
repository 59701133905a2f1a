/** Tokens are counted in units, which are millionths: so sums of fractional costs are exact. */
export const UNITS = 1e6;

/** Converts a cost to units; at least one unit. */
export function toUnits(cost: number): number {
  return Math.max(1, Math.round(cost * UNITS));
}

/** Converts units to tokens. */
export function toTokens(units: number): number {
  return units / UNITS;
}
