import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { allowOnly } from './errors.ts';

const health = Type.Object({ status: Type.Enum(['ok', 'draining']) });

/** Adds `GET /health`: 200 while the server accepts orders, 503 while it drains. */
export function healthRoute(app: FastifyInstance): void {
  app.get('/health', { schema: { response: { 200: health, 503: health } } }, (_request, reply) =>
    app.backpressure.shuttingDown
      ? reply.code(503).send({ status: 'draining' })
      : reply.send({ status: 'ok' }),
  );
  allowOnly(app, '/health', ['GET', 'HEAD']);
}
