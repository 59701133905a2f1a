import type { CallContext, RejectedError } from '@bp/core';
import type { FastifyReply } from 'fastify';

/** What a rate limit gate knows of a request. */
export interface RateLimitRequest extends CallContext {
  readonly key: string;
  readonly cost: number;
  readonly tier: string | undefined;
  readonly now: number;
}

/** Rejects requests of clients that exceed their limit. */
export interface RateLimitGate {
  /** The highest cost that it can admit for a client of every tier. */
  readonly maxCost: number;
  /** Charges the client. Returns the rejection, undefined to admit the request. Sets the `RateLimit` fields of `reply`. */
  check(
    request: RateLimitRequest,
    reply: FastifyReply,
  ): RejectedError | undefined | Promise<RejectedError | undefined>;
  /** Gives back what a request has been charged that was rejected later, before its work began. */
  refund(request: Omit<RateLimitRequest, 'deadline'>): void;
  close(): Promise<void>;
}
