import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOneOf,
  checkOptions,
  checkPositive,
  optionNames,
} from '@bp/core/kit';
import { resolveSharedLimit, type SharedLimit, type SharedLimitOptions } from './limit/shared-limit.ts';
import type { RedisClient } from './store/redis-client.ts';

/** `strict`: one round trip a decision. `leased`: tokens are debited in batches and spent by the instance. */
export type SharingMode = 'strict' | 'leased';

/** Options of `RedisRateLimiter`. */
export interface RedisRateLimiterOptions extends SharedLimitOptions {
  /** The store: `fromIoredis(client)` or `fromNodeRedis(client)`. */
  readonly client: RedisClient;
  /** Default: `leased`. */
  readonly mode?: SharingMode | undefined;
  /**
   * What happens while the store is unavailable. `local`: each instance serves `localShare` of the limit. `closed`: every call
   * is rejected. `open`: every call is admitted. Default: `local`.
   */
  readonly whenUnavailable?: 'local' | 'closed' | 'open' | undefined;
  /**
   * The share of rate and burst (above 0, at most 1) that this instance serves while the store is unavailable; at least one
   * token at a time. The shares of all instances should add up to at most 1. Default: 0.5.
   */
  readonly localShare?: number | undefined;
  /**
   * What a key has at hand here when an outage begins. `full`: its share of the burst, less what this instance admitted
   * lately. `empty`: nothing. Default: `full`.
   */
  readonly localStart?: 'full' | 'empty' | undefined;
  /** Milliseconds after which a command without reply counts as failed (> 0). Default: 250. */
  readonly storeTimeoutMs?: number | undefined;
  /** Failed commands in a row after which the store counts as unavailable (>= 1). Default: 3. */
  readonly consecutiveFailures?: number | undefined;
  /** Milliseconds between two probes of an unavailable store (> 0), plus up to a fifth at random. Default: 1000. */
  readonly probeIntervalMs?: number | undefined;
  /** Keys whose state is held in this instance (>= 1). Default: 10 000. */
  readonly maxKeys?: number | undefined;
  /** Calls that may wait for the store at once (>= 1); further calls are rejected with `QUEUE_FULL`. Default: 10 000. */
  readonly maxQueue?: number | undefined;
  /** The beginning of every key in the store (up to 100 characters). Default: `bp:`. */
  readonly prefix?: string | undefined;
  /**
   * The name in rejections, and part of every key in the store (1 to 100 characters). Limiters of one name share their
   * limit, and must have the same options. Default: `redis-rate-limiter`.
   */
  readonly name?: string | undefined;
  /** The only source of time on this side; the store decides by its own clock. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Numbers from 0 to 1 for the jitter of probes. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The options as the code holds them: nothing is undefined. */
export type ResolvedRedisRateLimiterOptions = {
  readonly [K in Exclude<keyof RedisRateLimiterOptions, keyof SharedLimitOptions>]-?: Exclude<
    RedisRateLimiterOptions[K],
    undefined
  >;
} & { readonly limit: SharedLimit };

const NAMES = optionNames<RedisRateLimiterOptions>({
  client: true,
  rate: true,
  intervalMs: true,
  burst: true,
  mode: true,
  leaseMs: true,
  whenUnavailable: true,
  localShare: true,
  localStart: true,
  storeTimeoutMs: true,
  consecutiveFailures: true,
  probeIntervalMs: true,
  maxKeys: true,
  maxQueue: true,
  prefix: true,
  name: true,
  clock: true,
  random: true,
});

const MAX_PREFIX_LENGTH = 100;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RedisRateLimiterOptions): ResolvedRedisRateLimiterOptions {
  const { client, prefix = 'bp:' } = checkOptions(options, NAMES);
  checkFunction('client.command', checkOptions(client, undefined, 'client').command);
  if (typeof prefix !== 'string' || prefix.length > MAX_PREFIX_LENGTH) {
    throw new TypeError(`prefix must be a string of at most ${MAX_PREFIX_LENGTH} characters`);
  }
  const mode = checkOneOf('mode', options.mode ?? 'leased', ['strict', 'leased']);
  return {
    client,
    mode,
    limit: resolveSharedLimit(options, mode === 'leased'),
    whenUnavailable: checkOneOf('whenUnavailable', options.whenUnavailable ?? 'local', [
      'local',
      'closed',
      'open',
    ]),
    localShare: checkBetween('localShare', options.localShare ?? 0.5, Number.MIN_VALUE, 1),
    localStart: checkOneOf('localStart', options.localStart ?? 'full', ['full', 'empty']),
    storeTimeoutMs: checkPositive('storeTimeoutMs', options.storeTimeoutMs ?? 250),
    consecutiveFailures: checkInteger('consecutiveFailures', options.consecutiveFailures ?? 3),
    probeIntervalMs: checkPositive('probeIntervalMs', options.probeIntervalMs ?? 1000),
    maxKeys: checkInteger('maxKeys', options.maxKeys ?? 10_000),
    maxQueue: checkInteger('maxQueue', options.maxQueue ?? 10_000),
    prefix,
    name: checkName('name', options.name ?? 'redis-rate-limiter'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? Math.random),
  };
}
