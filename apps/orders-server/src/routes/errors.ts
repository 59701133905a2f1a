import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { type Static, Type } from 'typebox';

/** The body of every response that is neither a success nor a rejection. */
export const errorResponse = Type.Object({ error: Type.String(), message: Type.String() });

/** The only content type that is read. */
const ACCEPTED = 'application/json';

/** Answers errors with `{"error","message"}`. The cause of a 500 is logged, not sent. */
export function errorResponses(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(errorBody(404, 'no such route')));

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const { statusCode: status = 500, validation } = error;
    if (status === 415)
      return reply
        .header('accept', ACCEPTED)
        .code(415)
        .send(errorBody(415, wrongType(request)));
    if (status >= 400 && status < 500) {
      const message = validation?.[0] === undefined ? error.message : describe(validation[0], request);
      return reply.code(status).send(errorBody(status, message));
    }
    request.log.error({ err: error }, 'request failed');
    return reply.code(500).send(errorBody(500, 'the request could not be handled'));
  });
}

/** Answers every method but `allowed` on `url` with 405, before a body is read. */
export function allowOnly(app: FastifyInstance, url: string, allowed: readonly string[]): void {
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url,
    onRequest: (request, reply, _done) => {
      reply
        .code(405)
        .header('allow', allowed.join(', '))
        .send(errorBody(405, `${request.method} is not allowed here`));
    },
    handler: () => undefined,
  });
}

/** Returns the body of an error response. */
export function errorBody(status: number, message: string): Static<typeof errorResponse> {
  return { error: STATUS_CODES[status] ?? 'Error', message };
}

function wrongType({ headers }: FastifyRequest): string {
  const { 'content-type': type } = headers;
  const given =
    type === undefined ? 'and Content-Type must say so' : `got ${JSON.stringify(type.slice(0, 100))}`;
  return `the body must be ${ACCEPTED}, ${given}`;
}

function describe(
  { instancePath, keyword, params, message }: FastifySchemaValidationError,
  { body }: FastifyRequest,
): string {
  if (body === undefined) return `a body of ${ACCEPTED} is required`;
  const field = instancePath.slice(1).replaceAll('/', '.');
  if (keyword === 'required') return `${params.missingProperty} is required`;
  return `${field === '' ? 'the body' : field} ${message}`;
}
