import type { Server } from 'node:http';
import { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyReply, LogController } from 'fastify';
import type { Config } from './config.ts';
import { answerNoRequest } from './routes/client-errors.ts';
import { answer } from './routes/errors.ts';

/** How the HTTP server stands towards its clients. */
export function serverOptions(
  config: Config,
  log: FastifyBaseLogger,
): FastifyHttpOptions<Server, FastifyBaseLogger> {
  return {
    loggerInstance: log,
    // A line for every request would cost more than rejecting it.
    logController: new LogController({ disableRequestLogging: true }),
    // Whose word is taken for the address of a client: nobody's unless named, since an address is who a client is.
    trustProxy: config.TRUST_PROXY ?? false,
    bodyLimit: config.BODY_LIMIT_BYTES,
    // What a client sends is taken as it is or rejected, never bent into shape.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: ({ statusCode = 400, message }, _request, reply: FastifyReply) => {
      reply.code(statusCode).send(answer(statusCode, message));
    },
    clientErrorHandler: answerNoRequest,
    // A client that sends slowly holds a socket and nothing else, and not for long: headers within 5 s, the whole
    // request within 10 s, both looked at every second, and no more than 15 s of silence. Idle connections are kept a
    // little longer than the 60 s of the usual load balancers, so that it is never the server that hangs up first.
    connectionTimeout: 15_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
  };
}
