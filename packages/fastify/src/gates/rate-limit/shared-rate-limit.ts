import { isRejected, type RejectedError } from '@bp/core';
import { checkOptions } from '@bp/core/kit';
import type { FastifyReply } from 'fastify';
import { RateLimitFields } from './rate-limit-fields.ts';
import type { RateLimitGate, RateLimitRequest } from './rate-limit-gate.ts';
import {
  type ResolvedClientOptions,
  SHARED_RATE_LIMIT_OPTIONS,
  type SharedRateLimiter,
  type SharedRateLimitOptions,
} from './rate-limit-options.ts';

/** A limit that is kept elsewhere. What is left of it is unknown here, so only a rejection carries a field. */
export class SharedRateLimit implements RateLimitGate {
  readonly #limiter: SharedRateLimiter;
  readonly #fields: RateLimitFields | undefined;

  /** @throws TypeError naming the first wrong option. */
  constructor(path: string, options: SharedRateLimitOptions, { policy, fields }: ResolvedClientOptions) {
    const { limiter } = checkOptions(options, SHARED_RATE_LIMIT_OPTIONS, path);
    if (typeof limiter?.acquire !== 'function') {
      throw new TypeError(`${path}.limiter must have an acquire() method`);
    }
    this.#limiter = limiter;
    this.#fields =
      fields === 'never' ? undefined : new RateLimitFields({ name: policy, ratePerSecond: 0, burst: 0 });
  }

  async check(
    { key, cost, priority, deadline }: RateLimitRequest,
    reply: FastifyReply,
  ): Promise<RejectedError | undefined> {
    if (cost === 0) return undefined;
    // A client that leaves must not be charged later.
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.once('close', onClose);
    try {
      await this.#limiter.acquire({ key, cost, priority, deadline, signal: gone.signal });
      return undefined;
    } catch (error) {
      if (!isRejected(error)) throw error;
      const { code, retryAfterMs = Number.POSITIVE_INFINITY } = error;
      if (this.#fields !== undefined && code === 'RATE_LIMITED') {
        reply.header('ratelimit', this.#fields.exhausted(retryAfterMs));
      }
      return error;
    } finally {
      reply.raw.off('close', onClose);
    }
  }

  get maxCost(): number {
    return this.#limiter.maxCost?.() ?? Number.POSITIVE_INFINITY;
  }

  /** A permit that was debited elsewhere stays debited. */
  refund(): void {}

  async close(): Promise<void> {}
}
