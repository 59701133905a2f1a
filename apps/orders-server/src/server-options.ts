import type { Server } from 'node:http';
import { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyReply, LogController } from 'fastify';
import type { Config } from './config.ts';
import { respondToClientError } from './routes/client-errors.ts';
import { errorBody } from './routes/errors.ts';

/** Returns the options of the HTTP server: trusted proxies, size limits and socket timeouts. */
export function serverOptions(
  config: Config,
  log: FastifyBaseLogger,
): FastifyHttpOptions<Server, FastifyBaseLogger> {
  return {
    loggerInstance: log,
    // A log line for every request would cost more than rejecting the request.
    logController: new LogController({ disableRequestLogging: true }),
    // The address identifies a client without a user id, so `X-Forwarded-For` is read from named proxies only.
    trustProxy: config.TRUST_PROXY ?? false,
    bodyLimit: config.BODY_LIMIT_BYTES,
    // A body is accepted as sent or rejected; no value is converted.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: ({ statusCode = 400, message }, _request, reply: FastifyReply) => {
      reply.code(statusCode).send(errorBody(statusCode, message));
    },
    clientErrorHandler: respondToClientError,
    // A slow client holds a socket only: 5 s for the headers, 10 s for the whole request (both checked every second) and 15 s of
    // silence. Idle connections outlive the 60 s of common load balancers, so that the server never closes first.
    connectionTimeout: 15_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
  };
}
