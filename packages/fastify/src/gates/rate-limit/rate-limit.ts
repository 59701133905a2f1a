import type { Clock } from '@bp/core';
import { checkOptions } from '@bp/core/kit';
import type { TierOptions } from '../../tiers.ts';
import { ClientKeys } from './client-keys.ts';
import { LocalRateLimit } from './local-rate-limit.ts';
import type { RateLimitGate } from './rate-limit-gate.ts';
import {
  type RateLimitOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
} from './rate-limit-options.ts';
import { SharedRateLimit } from './shared-rate-limit.ts';

/** A rate limit and the keys by which it tells clients apart. */
export interface RateLimit {
  readonly gate: RateLimitGate;
  readonly keys: ClientKeys;
  readonly client: ResolvedClientOptions;
}

/** What a rate limit is made from beside its options. */
export interface RateLimitDeps {
  readonly tiers: Readonly<Record<string, TierOptions>>;
  readonly clock: Clock;
  /** The plugin's limit, for the limit of a route: it inherits what tells clients apart, and a tier only makes it stricter. */
  readonly usual?: RateLimit | undefined;
  readonly isOfRoute: boolean;
}

/** Makes the rate limit whose options were given at `path`. @throws TypeError or RangeError naming the first wrong option. */
export function createRateLimit(path: string, given: RateLimitOptions, deps: RateLimitDeps): RateLimit {
  const options = checkOptions(given, undefined, path);
  const client = resolveClientOptions(path, options, deps.usual?.client);
  const gate =
    options.limiter === undefined
      ? new LocalRateLimit(options, { ...deps, path, client })
      : new SharedRateLimit(path, options, client);
  return { gate, keys: new ClientKeys(path, client.key, client.ipv6Prefix), client };
}
