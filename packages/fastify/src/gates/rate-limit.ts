import { type Clock, isRejected } from '@bp/core';
import { type ClientLimitOptions, PerClientRateLimiter } from '@bp/rate-limiter';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientKeys } from '../client-key.ts';
import { RateLimitFields } from '../rate-limit-fields.ts';
import type { TierOptions } from '../tiers.ts';
import {
  checkPolicyName,
  type LocalRateLimitOptions,
  type RateLimitFieldsMode,
  type RateLimitOptions,
  resolveClientOptions,
  type SharedRateLimiter,
  type SharedRateLimitOptions,
} from './rate-limit-options.ts';

/** One request that wants to pass. */
export interface RateLimitQuestion {
  readonly reply: FastifyReply;
  readonly tier: string | undefined;
  readonly cost: number;
  readonly deadline: number | undefined;
  readonly now: number;
}

/** Rejects whoever sends more than its share. */
export interface RateLimitGate {
  /** What it is called in problem details, for a client of `tier`. */
  policyOf(tier: string | undefined): string;
  /** By what the client of a request is told from others. */
  keyOf(request: FastifyRequest): string;
  /**
   * Undefined to admit a request of the client with this key, else milliseconds after which it would be admitted,
   * `Infinity` for never. Sets the `RateLimit` fields of the reply.
   */
  decide(key: string, question: RateLimitQuestion): number | undefined | Promise<number | undefined>;
  /** Gives back what a request took that was rejected for load after all. */
  refund(key: string, question: Omit<RateLimitQuestion, 'reply' | 'deadline'>): void;
  close(): Promise<void>;
}

/** The gate that `options` describe. @throws TypeError or RangeError naming the option that is wrong, below `path`. */
export function createRateLimitGate(
  path: string,
  options: RateLimitOptions,
  tiers: Readonly<Record<string, TierOptions>>,
  clock: Clock,
): RateLimitGate {
  return options?.limiter === undefined
    ? new LocalRateLimit(path, options as LocalRateLimitOptions, tiers, clock)
    : new SharedRateLimit(path, options);
}

class LocalRateLimit implements RateLimitGate {
  readonly #limiter: PerClientRateLimiter;
  readonly #keys: ClientKeys;
  readonly #policy: string;
  readonly #mode: RateLimitFieldsMode;
  readonly #fields: RateLimitFields | undefined;
  readonly #tiers = new Map<string, RateLimitFields | undefined>();
  /** The tier of the request that is being decided: the limiter asks for it while it does. */
  #tier: string | undefined;

  constructor(
    path: string,
    options: LocalRateLimitOptions,
    tiers: Readonly<Record<string, TierOptions>>,
    clock: Clock,
  ) {
    const { key, ipv6Prefix, policy, fields, ...limit } = options;
    const client = resolveClientOptions(path, { key, ipv6Prefix, policy, fields });
    const limits: Record<string, ClientLimitOptions> = Object.create(null);
    for (const [name, { rateLimit }] of Object.entries(tiers)) {
      if (rateLimit === undefined) continue;
      limits[checkPolicyName('the name of a tier with a rateLimit', name)] = rateLimit;
      this.#tiers.set(name, createFields(name, rateLimit));
    }
    this.#limiter = named(path, () => {
      const tierOf = this.#tiers.size > 0 ? { tiers: limits, tierOf: () => this.#tier } : {};
      return new PerClientRateLimiter({ ...limit, ...tierOf, name: client.policy, clock });
    });
    this.#keys = new ClientKeys(client.key, client.ipv6Prefix);
    this.#policy = client.policy;
    this.#mode = client.fields;
    this.#fields = createFields(client.policy, limit);
  }

  policyOf(tier: string | undefined): string {
    return tier !== undefined && this.#tiers.has(tier) ? tier : this.#policy;
  }

  decide(key: string, { reply, tier, cost, now }: RateLimitQuestion): number | undefined {
    this.#tier = tier;
    const fields = this.#fieldsOf(tier);
    const ctx = { key, cost };
    if (this.#limiter.tryAcquire(ctx, now)) {
      if (fields !== undefined && this.#mode === 'always') {
        const remaining = this.#limiter.remaining(key, now);
        if (remaining !== Number.POSITIVE_INFINITY) send(reply, fields.policy, fields.left(remaining));
      }
      return undefined;
    }
    const retryAfterMs = this.#limiter.retryAfterMs(ctx, now);
    if (fields !== undefined && this.#mode !== 'never')
      send(reply, fields.policy, fields.exhausted(retryAfterMs));
    return retryAfterMs;
  }

  keyOf(request: FastifyRequest): string {
    return this.#keys.of(request);
  }

  refund(key: string, { tier, cost, now }: Omit<RateLimitQuestion, 'reply' | 'deadline'>): void {
    this.#tier = tier;
    this.#limiter.refund({ key, cost }, now);
  }

  close(): Promise<void> {
    return this.#limiter.close();
  }

  #fieldsOf(tier: string | undefined): RateLimitFields | undefined {
    return tier !== undefined && this.#tiers.has(tier) ? this.#tiers.get(tier) : this.#fields;
  }
}

/** What is left of a shared limit is not known here, so only a rejection carries a field. */
class SharedRateLimit implements RateLimitGate {
  readonly #limiter: SharedRateLimiter;
  readonly #keys: ClientKeys;
  readonly #policy: string;
  readonly #fields: RateLimitFields | undefined;

  constructor(path: string, options: SharedRateLimitOptions) {
    const { key, ipv6Prefix, policy, fields } = resolveClientOptions(path, options);
    if (typeof options.limiter.acquire !== 'function') {
      throw new TypeError(`${path}.limiter must have an acquire() method`);
    }
    this.#limiter = options.limiter;
    this.#keys = new ClientKeys(key, ipv6Prefix);
    this.#policy = policy;
    this.#fields =
      fields === 'never' ? undefined : new RateLimitFields({ name: policy, ratePerSecond: 0, burst: 0 });
  }

  policyOf(): string {
    return this.#policy;
  }

  async decide(key: string, { reply, cost, deadline }: RateLimitQuestion): Promise<number | undefined> {
    if (cost === 0) return undefined;
    try {
      await this.#limiter.acquire(key, { cost, deadline });
      return undefined;
    } catch (error) {
      if (!isRejected(error, 'RATE_LIMITED')) throw error;
      const { retryAfterMs = Number.POSITIVE_INFINITY } = error;
      if (this.#fields !== undefined) reply.header('ratelimit', this.#fields.exhausted(retryAfterMs));
      return retryAfterMs;
    }
  }

  keyOf(request: FastifyRequest): string {
    return this.#keys.of(request);
  }

  /** A permit that was debited elsewhere is spent. */
  refund(): void {}

  async close(): Promise<void> {}
}

function send(reply: FastifyReply, policy: string, limit: string): void {
  reply.header('ratelimit-policy', policy).header('ratelimit', limit);
}

/** Undefined for a limit without limits, which has nothing to tell. */
function createFields(name: string, options: ClientLimitOptions): RateLimitFields | undefined {
  const { rate, intervalMs = 1000, burst = Math.max(1, rate) } = options;
  if (!Number.isFinite(rate)) return undefined;
  return new RateLimitFields({ name, ratePerSecond: (rate * 1000) / intervalMs, burst });
}

/** Says where an option that is wrong was given. */
function named<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (error instanceof Error) error.message = `${path}: ${error.message}`;
    throw error;
  }
}
