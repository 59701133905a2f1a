import { checkInteger, checkOptions } from '@bp/core/kit';
import type { ClientLimitOptions } from '@bp/rate-limiter';

/** What sets the clients of a tier apart. */
export interface TierOptions {
  /** Higher is more important (an integer). Default: 0, like those who are in no tier. */
  readonly priority?: number | undefined;
  /** The limit of its clients, if `rateLimit` is given. Default: the one of everybody. */
  readonly rateLimit?: ClientLimitOptions | undefined;
}

/** The priorities of the tiers, by name. @throws TypeError or RangeError naming what is wrong. */
export function resolveTierPriorities(tiers: Readonly<Record<string, TierOptions>>): Map<string, number> {
  const entries = Object.entries(checkOptions(tiers)).map(([name, tier]): [string, number] => {
    const { priority = 0 } = checkOptions(tier);
    return [name, checkInteger(`tiers.${name}.priority`, priority, Number.MIN_SAFE_INTEGER)];
  });
  return new Map(entries);
}
