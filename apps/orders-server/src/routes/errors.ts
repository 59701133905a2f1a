import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { type Static, Type } from 'typebox';

/** The body of every answer that is neither success nor rejection. */
export const errorAnswer = Type.Object({ error: Type.String(), message: Type.String() });

/** The only type of body that is read. */
const ACCEPTED = 'application/json';

/** `{"error","message"}` for everything that goes wrong and is no rejection; what the server did wrong is logged, not told. */
export function errorAnswers(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(answer(404, 'no such route')));

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const { statusCode: status = 500, validation } = error;
    if (status === 415)
      return reply
        .header('accept', ACCEPTED)
        .code(415)
        .send(answer(415, wanted(request)));
    if (status >= 400 && status < 500) {
      const message = validation?.[0] === undefined ? error.message : describe(validation[0], request);
      return reply.code(status).send(answer(status, message));
    }
    request.log.error({ err: error }, 'request failed');
    return reply.code(500).send(answer(500, 'the request could not be handled'));
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
        .send(answer(405, `${request.method} is not allowed here`));
    },
    handler: () => undefined,
  });
}

/** What goes wrong with `status`, in that body. */
export function answer(status: number, message: string): Static<typeof errorAnswer> {
  return { error: STATUS_CODES[status] ?? 'Error', message };
}

function wanted({ headers }: FastifyRequest): string {
  const { 'content-type': type } = headers;
  const instead =
    type === undefined ? 'and Content-Type must say so' : `got ${JSON.stringify(type.slice(0, 100))}`;
  return `the body must be ${ACCEPTED}, ${instead}`;
}

function describe(
  { instancePath, keyword, params, message }: FastifySchemaValidationError,
  { body }: FastifyRequest,
): string {
  if (body === undefined) return `a body of ${ACCEPTED} is required`;
  const field = instancePath.slice(1).replaceAll('/', '.');
  if (keyword === 'required') return `${params.missingProperty} is required`;
  if (keyword === 'additionalProperties') return `${params.additionalProperty} is not a known field`;
  return `${field === '' ? 'the body' : field} ${message}`;
}
