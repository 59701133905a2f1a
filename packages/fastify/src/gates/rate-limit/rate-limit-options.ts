import type { CallContext } from '@bp/core';
import { checkFunction, checkInteger, checkOneOf, optionNames } from '@bp/core/kit';
import type { ClientLimitOptions, PerClientRateLimiterOptions } from '@bp/rate-limiter';
import type { KeyFunction } from './client-keys.ts';
import { isFieldName } from './rate-limit-fields.ts';

/** When the `RateLimit` fields are sent. */
export type RateLimitFieldsMode = 'always' | 'rejected' | 'never';

/** How clients are told apart, and what a response says of their limit. */
export interface ClientOptions {
  /**
   * Returns the client of a request, or a promise of it; undefined for its address. The result must be a string: anything else, and a
   * function that throws, fails the request with 500. A key never equals that of an address; more than 256 characters are
   * hashed. Default: the address of the connection, or the one that `trustProxy` determines.
   */
  readonly key?: KeyFunction | undefined;
  /** Leading bits of an IPv6 address (32 to 128) that identify a client: providers assign whole networks. Default: 64. */
  readonly ipv6Prefix?: number | undefined;
  /** The name of the policy in fields and problem details: 1 to 100 printable ASCII characters. Default: `default`; for a tier, its name. */
  readonly policy?: string | undefined;
  /** When `RateLimit` and `RateLimit-Policy` are sent: `always`, `rejected` or `never`. Default: `always`. */
  readonly fields?: RateLimitFieldsMode | undefined;
}

/**
 * A limit for every client, kept in this process by a `PerClientRateLimiter`, which documents these options. A key in `allow` is
 * `id:` and the result of `key`, or `ip:` and the network.
 */
export interface LocalRateLimitOptions
  extends ClientOptions,
    Omit<PerClientRateLimiterOptions, 'tiers' | 'tierOf' | 'name' | 'clock' | 'random'> {
  readonly limiter?: undefined;
}

/** A limiter with an asynchronous answer, such as a `RedisRateLimiter`. */
export interface SharedRateLimiter {
  /** Resolves to admit; rejects with a `RejectedError`. Any other error fails the request. `ctx` has key, cost, priority, deadline and a signal. */
  acquire(ctx: CallContext): Promise<void>;
  /** The highest cost that it can admit; a higher cost of a route fails its registration. Default: unknown. */
  maxCost?(): number;
}

/** A limit that is kept elsewhere. It is not closed with the server. */
export interface SharedRateLimitOptions extends ClientOptions {
  readonly limiter: SharedRateLimiter;
}

/** A limit in this process or elsewhere. */
export type RateLimitOptions = LocalRateLimitOptions | SharedRateLimitOptions;

/** {@link ClientOptions} with defaults. */
export interface ResolvedClientOptions {
  readonly key: KeyFunction | undefined;
  readonly ipv6Prefix: number;
  readonly policy: string;
  readonly fields: RateLimitFieldsMode;
}

const CLIENT_OPTIONS = { key: true, ipv6Prefix: true, policy: true, fields: true, limiter: true } as const;

/** The options of a limit in this process. */
export const LOCAL_RATE_LIMIT_OPTIONS = optionNames<LocalRateLimitOptions>({
  rate: true,
  intervalMs: true,
  burst: true,
  maxKeys: true,
  allow: true,
  parent: true,
  shadow: true,
  maxOffenders: true,
  ...CLIENT_OPTIONS,
});

/** The options of a limit that is kept elsewhere. */
export const SHARED_RATE_LIMIT_OPTIONS = optionNames<SharedRateLimitOptions>(CLIENT_OPTIONS);

/** The options of a tier's limit. */
export const CLIENT_LIMIT_OPTIONS = optionNames<ClientLimitOptions>({
  rate: true,
  intervalMs: true,
  burst: true,
});

const DEFAULTS: ResolvedClientOptions = {
  key: undefined,
  ipv6Prefix: 64,
  policy: 'default',
  fields: 'always',
};

/**
 * Checks the client options given at `path`. `key`, `ipv6Prefix` and `fields` are inherited from `usual`.
 * @throws TypeError or RangeError naming the first wrong option.
 */
export function resolveClientOptions(
  path: string,
  options: ClientOptions,
  usual: Omit<ResolvedClientOptions, 'policy'> = DEFAULTS,
): ResolvedClientOptions {
  const {
    key = usual.key,
    ipv6Prefix = usual.ipv6Prefix,
    policy = DEFAULTS.policy,
    fields = usual.fields,
  } = options;
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

/** Returns `value` if it can be sent as the name of a policy. @throws TypeError naming `name`. */
export function checkPolicyName(name: string, value: unknown): string {
  if (typeof value !== 'string' || !isFieldName(value)) {
    throw new TypeError(`${name} must be 1 to 100 printable ASCII characters, got ${JSON.stringify(value)}`);
  }
  return value;
}
