import type { Clock } from '@bp/core';
import { clientKey, type PerClientRateLimiter } from '@bp/rate-limiter';
import type { FastifyRequest } from 'fastify';
import type { RateLimitFields } from './rate-limit-fields.ts';
import { type Gate, type Refusals, wholeSeconds } from './refusals.ts';

const USER_ID = /^[\w.@:-]{1,64}$/;

/** Who a request counts for: its `X-User-Id` if that is one, else its address. */
export function clientOf({ headers, ip }: Pick<FastifyRequest, 'headers' | 'ip'>): string {
  const userId = headers['x-user-id'];
  return clientKey(typeof userId === 'string' && USER_ID.test(userId) ? userId : undefined, ip);
}

/** What {@link rateLimitGate} needs. */
export interface RateLimitGateOptions {
  readonly limiter: PerClientRateLimiter;
  readonly fields: RateLimitFields;
  readonly clock: Clock;
  readonly refusals: Refusals;
}

/** 429 for a client that sends more than its share; `Retry-After` is when its next order is due. */
export function rateLimitGate({ limiter, fields, clock, refusals }: RateLimitGateOptions): Gate {
  return (request, reply, done) => {
    const client = clientOf(request);
    const now = clock.now();
    if (limiter.tryAcquire(client, 1, now)) {
      fields.admitted(reply, limiter.remaining(client, now));
      return done();
    }
    const retryAfterMs = limiter.retryAfterMs(client, 1, now);
    fields.refused(reply, wholeSeconds(retryAfterMs));
    refusals.send('rateLimited', request, reply, retryAfterMs);
  };
}
