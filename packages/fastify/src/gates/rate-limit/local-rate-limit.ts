import { type Clock, RejectedError } from '@bp/core';
import { checkOptions } from '@bp/core/kit';
import { type ClientLimitOptions, PerClientRateLimiter } from '@bp/rate-limiter';
import type { FastifyReply } from 'fastify';
import type { TierOptions } from '../../tiers.ts';
import { RateLimitFields } from './rate-limit-fields.ts';
import type { RateLimitGate, RateLimitRequest } from './rate-limit-gate.ts';
import {
  CLIENT_LIMIT_OPTIONS,
  checkPolicyName,
  LOCAL_RATE_LIMIT_OPTIONS,
  type LocalRateLimitOptions,
  type RateLimitFieldsMode,
  type ResolvedClientOptions,
} from './rate-limit-options.ts';
import { burstOf, stricterLimit } from './stricter-limit.ts';

/** What {@link LocalRateLimit} is made from. */
export interface LocalRateLimitDeps {
  /** Where the options were given, for errors. */
  readonly path: string;
  readonly client: ResolvedClientOptions;
  readonly tiers: Readonly<Record<string, TierOptions>>;
  /** Whether it is the limit of a route: a tier may then only make it stricter. */
  readonly isOfRoute: boolean;
  readonly clock: Clock;
}

/** A policy of one or all clients, and its fields unless it has no limit. */
interface Policy {
  readonly name: string;
  readonly fields: RateLimitFields | undefined;
}

/** A limit in this process. */
export class LocalRateLimit implements RateLimitGate {
  readonly maxCost: number;
  readonly #limiter: PerClientRateLimiter;
  readonly #mode: RateLimitFieldsMode;
  readonly #usual: Policy;
  readonly #tiers = new Map<string, Policy>();
  /** The tier of the request that is being decided: the limiter reads it while it decides. */
  #tier: string | undefined;

  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: LocalRateLimitOptions, { path, client, tiers, isOfRoute, clock }: LocalRateLimitDeps) {
    const { key, ipv6Prefix, policy, fields, limiter, ...own } = checkOptions(
      options,
      LOCAL_RATE_LIMIT_OPTIONS,
      path,
    );
    // Checked before the tiers, so that a wrong option of the limit is reported at its own path.
    checkLimit(path, own);
    const limits: Record<string, ClientLimitOptions> = Object.create(null);
    for (const [name, { rateLimit }] of Object.entries(tiers)) {
      if (rateLimit === undefined) continue;
      checkPolicyName('the name of a tier with a rateLimit', name);
      checkLimit(
        `tiers.${name}.rateLimit`,
        checkOptions(rateLimit, CLIENT_LIMIT_OPTIONS, `tiers.${name}.rateLimit`),
      );
      const limit = isOfRoute ? stricterLimit(own, rateLimit) : rateLimit;
      limits[name] = limit;
      const isOwn = limit === own;
      this.#tiers.set(name, createPolicy(isOwn ? client.policy : name, limit));
    }
    const tierOptions = this.#tiers.size > 0 ? { tiers: limits, tierOf: () => this.#tier } : {};
    this.#limiter = atPath(
      path,
      () => new PerClientRateLimiter({ ...own, ...tierOptions, name: client.policy, clock }),
    );
    this.maxCost = Math.min(...[own, ...Object.values(limits)].map(burstOf));
    this.#mode = client.fields;
    this.#usual = createPolicy(client.policy, own);
  }

  check(request: RateLimitRequest, reply: FastifyReply): RejectedError | undefined {
    const { key, cost, tier, now } = request;
    this.#tier = tier;
    const { name, fields } = this.#policyOf(tier);
    if (this.#limiter.tryAcquire({ key, cost }, now)) {
      if (fields !== undefined && this.#mode === 'always') {
        const remaining = this.#limiter.remaining(key, now);
        if (remaining !== Number.POSITIVE_INFINITY) send(reply, fields.policy, fields.left(remaining));
      }
      return undefined;
    }
    const rejection = this.#rejection(request, name);
    const { retryAfterMs = Number.POSITIVE_INFINITY } = rejection;
    if (fields !== undefined && this.#mode !== 'never') {
      send(reply, fields.policy, fields.exhausted(retryAfterMs));
    }
    return rejection;
  }

  /** The limiter's own rejection, in the name of the tier if it is the tier's limit. */
  #rejection({ key, cost, now }: RateLimitRequest, policy: string): RejectedError {
    const rejection = this.#limiter.check({ key, cost }, now) ?? new RejectedError('RATE_LIMITED', policy);
    const { code, rejectedBy, retryAfterMs } = rejection;
    if (rejectedBy !== this.#usual.name || policy === rejectedBy) return rejection;
    return new RejectedError(code, policy, { retryAfterMs });
  }

  refund({ key, tier, cost, now }: Omit<RateLimitRequest, 'deadline'>): void {
    this.#tier = tier;
    this.#limiter.refund({ key, cost }, now);
  }

  close(): Promise<void> {
    return this.#limiter.close();
  }

  #policyOf(tier: string | undefined): Policy {
    return (tier === undefined ? undefined : this.#tiers.get(tier)) ?? this.#usual;
  }
}

function send(reply: FastifyReply, policy: string, limit: string): void {
  reply.header('ratelimit-policy', policy).header('ratelimit', limit);
}

/** An infinite rate has no fields. */
function createPolicy(name: string, options: ClientLimitOptions): Policy {
  const { rate, intervalMs = 1000, burst = Math.max(1, rate) } = options;
  if (!Number.isFinite(rate)) return { name, fields: undefined };
  return { name, fields: new RateLimitFields({ name, ratePerSecond: (rate * 1000) / intervalMs, burst }) };
}

/** Checks a limit as the limiter does. @throws TypeError or RangeError naming the option below `path`. */
function checkLimit(path: string, { rate, intervalMs, burst }: ClientLimitOptions): void {
  atPath(path, () => new PerClientRateLimiter({ rate, intervalMs, burst, maxKeys: 1, maxOffenders: 0 }));
}

/** Puts `path` in front of the option that an error of the limiter names. */
function atPath<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (error instanceof Error) error.message = `${path}.${error.message}`;
    throw error;
  }
}
