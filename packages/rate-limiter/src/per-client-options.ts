import { type Clock, checkClock, checkInteger, checkName, checkOptions, systemClock } from '@bp/core';
import type { Limit } from './limit.ts';
import { type RateOptions, resolveLimit } from './options.ts';

/** Options of `PerClientRateLimiter`. */
export interface PerClientRateLimiterOptions extends RateOptions {
  /**
   * Tokens each client may take at once after a rest (> 0), and the highest cost that can ever be admitted. Default:
   * `rate`, at least 1.
   */
  readonly burst?: number | undefined;
  /**
   * How many clients that have spent something are known one by one (1 to 2^24); each takes 22 bytes, from the start.
   * Default: 100 000.
   */
  readonly maxClients?: number | undefined;
  /** What it is called in refusals (1 to 100 characters). Default: `per-client-rate-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Where the secret seed of the hash comes from: numbers from 0 to below 1. Default: `crypto.getRandomValues`. */
  readonly random?: (() => number) | undefined;
}

/** The same as the code holds them: nothing is undefined. */
export interface ResolvedPerClientRateLimiterOptions {
  readonly limit: Limit;
  readonly maxClients: number;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_MAX_CLIENTS = 100_000;
const MAX_MAX_CLIENTS = 2 ** 24;

const secureRandom = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolvePerClientRateLimiterOptions(
  options: PerClientRateLimiterOptions,
): ResolvedPerClientRateLimiterOptions {
  checkOptions(options);
  const maxClients = checkInteger('maxClients', options.maxClients ?? DEFAULT_MAX_CLIENTS);
  if (maxClients > MAX_MAX_CLIENTS) {
    throw new RangeError(`maxClients must be an integer of at most ${MAX_MAX_CLIENTS}, got ${maxClients}`);
  }
  return {
    limit: resolveLimit(options, 'burst', options.burst),
    maxClients,
    name: checkName('name', options.name ?? 'per-client-rate-limiter'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: options.random ?? secureRandom,
  };
}
