import { clientKey } from '@bp/rate-limiter';
import type { FastifyRequest } from 'fastify';

const USER_ID = /^[\w.@:-]{1,64}$/;

/** Returns the `X-User-Id` of a request; undefined if it is missing or malformed. */
export function userOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const userId = headers['x-user-id'];
  return typeof userId === 'string' && USER_ID.test(userId) ? userId : undefined;
}

/**
 * Returns the client of a request, which owns its orders: its user id, else its address. A user id never equals an address. It
 * is the key of the rate limit, too.
 */
export function clientOf(request: Pick<FastifyRequest, 'headers' | 'ip'>): string {
  return clientKey(userOf(request), request.ip);
}
