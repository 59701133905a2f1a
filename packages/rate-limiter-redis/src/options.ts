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
} from '@bp/core/kit';
import type { RedisClient } from './redis-client.ts';

/** `strict`: one round trip a decision. `leased`: permits are debited in batches and spent locally. */
export type SharingMode = 'strict' | 'leased';

/** What to do while the store is away: serve a local share of the limit, reject everybody, or admit everybody. */
export type AwayMode = 'local' | 'closed' | 'open';

/** Options of `RedisRateLimiter`. */
export interface RedisRateLimiterOptions {
  /** The store: `fromIoredis(client)` or `fromNodeRedis(client)`. */
  readonly client: RedisClient;
  /** Permits per `intervalMs` for each key, over all instances (> 0). */
  readonly rate: number;
  /** Milliseconds in which `rate` permits come back (> 0). Default: 1000. */
  readonly intervalMs?: number | undefined;
  /** Permits a key may spend at once after a rest, over all instances (> 0). Default: `rate`, at least 1. */
  readonly burst?: number | undefined;
  /** Default: `leased`. */
  readonly mode?: SharingMode | undefined;
  /**
   * Milliseconds a lease may be spent after it was asked for (> 0); it must be shorter than the burst takes to come
   * back. What is lent out is taken from the burst, so a single call of a leased limit may cost up to
   * `burst - rate * leaseMs / intervalMs`. Default: half the time the burst takes to come back.
   */
  readonly leaseMs?: number | undefined;
  /** Default: `local`. */
  readonly whenAway?: AwayMode | undefined;
  /**
   * The share of rate and burst (above 0, at most 1) that this instance serves while the store is away. The limit
   * holds through an outage if the shares of all instances add up to at most 1. Default: 0.5.
   */
  readonly localShare?: number | undefined;
  /** Milliseconds after which an unanswered command counts as failed (> 0). Default: 250. */
  readonly storeTimeoutMs?: number | undefined;
  /** Failed commands in a row after which the store counts as away (>= 1). Default: 3. */
  readonly failuresUntilAway?: number | undefined;
  /** Milliseconds between two looks whether the store is back (> 0), with jitter of a fifth. Default: 1000. */
  readonly probeEveryMs?: number | undefined;
  /** Keys whose lease or rejection is remembered in this instance (>= 1); beyond it a key is decided by the store. Default: 10 000. */
  readonly maxKeys?: number | undefined;
  /** Put before every key in the store (up to 100 characters). Default: `bp:`. */
  readonly prefix?: string | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `redis-rate-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time on this side; the store decides by its own. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Numbers from 0 to 1 for the jitter of probes. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The same as the code holds it: nothing is undefined. */
export type ResolvedRedisRateLimiterOptions = {
  readonly [K in keyof RedisRateLimiterOptions]-?: Exclude<RedisRateLimiterOptions[K], undefined>;
};

const MAX_PREFIX_LENGTH = 100;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: RedisRateLimiterOptions): ResolvedRedisRateLimiterOptions {
  const { client, mode, whenAway, prefix = 'bp:' } = checkOptions(options);
  checkFunction('client.command', checkOptions(client).command);
  if (typeof prefix !== 'string' || prefix.length > MAX_PREFIX_LENGTH) {
    throw new TypeError(`prefix must be a string of at most ${MAX_PREFIX_LENGTH} characters`);
  }
  const rate = checkPositive('rate', options.rate);
  const intervalMs = checkPositive('intervalMs', options.intervalMs ?? 1000);
  const burst = checkPositive('burst', options.burst ?? Math.max(1, rate));
  const refillMs = (burst * intervalMs) / rate;
  const leaseMs = checkPositive('leaseMs', options.leaseMs ?? refillMs / 2);
  if (leaseMs >= refillMs) {
    throw new RangeError(
      `leaseMs must be below burst * intervalMs / rate = ${refillMs}, the time the burst takes to come back, got ${leaseMs}`,
    );
  }
  return {
    client,
    rate,
    intervalMs,
    burst,
    leaseMs,
    mode: checkOneOf('mode', mode ?? 'leased', ['strict', 'leased']),
    whenAway: checkOneOf('whenAway', whenAway ?? 'local', ['local', 'closed', 'open']),
    localShare: checkBetween('localShare', options.localShare ?? 0.5, Number.MIN_VALUE, 1),
    storeTimeoutMs: checkPositive('storeTimeoutMs', options.storeTimeoutMs ?? 250),
    failuresUntilAway: checkInteger('failuresUntilAway', options.failuresUntilAway ?? 3),
    probeEveryMs: checkPositive('probeEveryMs', options.probeEveryMs ?? 1000),
    maxKeys: checkInteger('maxKeys', options.maxKeys ?? 10_000),
    prefix,
    name: checkName('name', options.name ?? 'redis-rate-limiter'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? Math.random),
  };
}
