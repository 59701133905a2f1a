import type { CallContext } from '@bp/core';
import { checkFunction, checkInteger, checkOneOf, checkOptions } from '@bp/core/kit';
import type { PerClientRateLimiterOptions } from '@bp/rate-limiter';
import type { FastifyRequest } from 'fastify';
import { isFieldName } from '../rate-limit-fields.ts';

/** When the `RateLimit` fields are sent. */
export type RateLimitFieldsMode = 'always' | 'rejected' | 'never';

/** How clients are told apart and what they are told. */
export interface ClientOptions {
  /**
   * Who a request counts for; undefined for its address. Must be quick and must not throw. A key is never taken for an
   * address. Default: the address of the connection, or the one `trustProxy` says.
   */
  readonly key?: ((request: FastifyRequest) => string | undefined) | undefined;
  /** Leading bits of an IPv6 address (32 to 128) that are one client: providers hand out whole networks. Default: 64. */
  readonly ipv6Prefix?: number | undefined;
  /** What the policy is called in the `RateLimit` fields and in problem details: 1 to 100 printable ASCII characters. Default: `default`; for a tier, its name. */
  readonly policy?: string | undefined;
  /** When the `RateLimit` and `RateLimit-Policy` fields are sent: `always`, `rejected` or `never`. Default: `always`. */
  readonly fields?: RateLimitFieldsMode | undefined;
}

/**
 * A limit for every client, kept in this process by a `PerClientRateLimiter`, where these options are explained. Its
 * clients, in `allow` for example, are called `id:` and what `key` returned, or `ip:` and the address.
 */
export interface LocalRateLimitOptions
  extends ClientOptions,
    Omit<PerClientRateLimiterOptions, 'tiers' | 'tierOf' | 'name' | 'clock' | 'random'> {
  readonly limiter?: undefined;
}

/** A limiter that answers by promise: a `RedisRateLimiter` is one. */
export interface SharedRateLimiter {
  /** Resolves to admit; rejects with a `RejectedError`. Any other rejection fails the request. */
  acquire(key: string, ctx?: CallContext): Promise<void>;
}

/** A limit that is kept elsewhere, and shared. It is not closed with the server. */
export interface SharedRateLimitOptions extends ClientOptions {
  readonly limiter: SharedRateLimiter;
}

/** One or the other. */
export type RateLimitOptions = LocalRateLimitOptions | SharedRateLimitOptions;

/** The same as the code holds it. */
export interface ResolvedClientOptions {
  readonly key: ((request: FastifyRequest) => string | undefined) | undefined;
  readonly ipv6Prefix: number;
  readonly policy: string;
  readonly fields: RateLimitFieldsMode;
}

const DEFAULT_IPV6_PREFIX = 64;

/** @param path - what the options are called where they were given. @throws TypeError or RangeError naming what is wrong. */
export function resolveClientOptions(path: string, options: ClientOptions): ResolvedClientOptions {
  const {
    key,
    ipv6Prefix = DEFAULT_IPV6_PREFIX,
    policy = 'default',
    fields = 'always',
  } = checkOptions(options);
  if (key !== undefined) checkFunction(`${path}.key`, key);
  if (checkInteger(`${path}.ipv6Prefix`, ipv6Prefix, 32) > 128) {
    throw new RangeError(`${path}.ipv6Prefix must be at most 128, got ${ipv6Prefix}`);
  }
  checkPolicyName(`${path}.policy`, policy);
  return {
    key,
    ipv6Prefix,
    policy,
    fields: checkOneOf(`${path}.fields`, fields, ['always', 'rejected', 'never']),
  };
}

/** @throws TypeError unless `value` can be sent as a name. */
export function checkPolicyName(name: string, value: unknown): string {
  if (typeof value !== 'string' || !isFieldName(value)) {
    throw new TypeError(`${name} must be 1 to 100 printable ASCII characters, got ${JSON.stringify(value)}`);
  }
  return value;
}
