import { clientKey } from '@bp/rate-limiter';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** The client that owns the orders of this request. */
    client: string;
  }
}

const USER_ID = /^[\w.@:-]{1,64}$/;

/** Returns the `X-User-Id` of a request; undefined if it is missing or malformed. */
export function userOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const userId = headers['x-user-id'];
  return typeof userId === 'string' && USER_ID.test(userId) ? userId : undefined;
}

/** Returns the client of a request: its user id, else its address. A user id never equals an address. */
export function clientOf(
  request: Pick<FastifyRequest, 'headers'> & { readonly ip?: string | undefined },
): string {
  // A socket that is closed, or not of TCP, has no address.
  return clientKey(userOf(request), request.ip ?? 'local');
}

/** Identifies the client when the head of a request arrives: the address of a client that disconnects later is lost. */
export function identifyClients(app: FastifyInstance): void {
  app.decorateRequest('client', '');
  app.addHook('onRequest', (request, _reply, done) => {
    request.client = clientOf(request);
    done();
  });
}
