import { checkInteger, checkOptions, optionNames } from '@bp/core/kit';
import type { ClientLimitOptions } from '@bp/rate-limiter';

/** What distinguishes the clients of a tier. */
export interface TierOptions {
  /** An integer; higher is more important. Default: 0, as for clients without a tier. */
  readonly priority?: number | undefined;
  /** The limit of its clients, if the plugin has a `rateLimit`. Default: the plugin's limit. */
  readonly rateLimit?: ClientLimitOptions | undefined;
}

const OPTIONS = optionNames<TierOptions>({ priority: true, rateLimit: true });

/** The priorities of the tiers, by name. @throws TypeError or RangeError naming the first wrong option. */
export function resolveTierPriorities(tiers: Readonly<Record<string, TierOptions>>): Map<string, number> {
  const entries = Object.entries(checkOptions(tiers, undefined, 'tiers')).map(
    ([name, tier]): [string, number] => {
      const { priority = 0 } = checkOptions(tier, OPTIONS, `tiers.${name}`);
      return [name, checkInteger(`tiers.${name}.priority`, priority, Number.MIN_SAFE_INTEGER)];
    },
  );
  return new Map(entries);
}
