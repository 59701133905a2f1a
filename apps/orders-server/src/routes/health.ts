import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Shutdown } from '../gates/shutdown.ts';
import { allowOnly } from './errors.ts';

const health = Type.Object({ status: Type.Enum(['ok', 'draining']) });

/** `GET /health`: 200 while the server takes orders, 503 while it drains. No gate stands before it. */
export function healthRoute(app: FastifyInstance, shutdown: Shutdown): void {
  app.get('/health', { schema: { response: { 200: health, 503: health } } }, (_request, reply) =>
    shutdown.begun ? reply.code(503).send({ status: 'draining' }) : reply.send({ status: 'ok' }),
  );
  allowOnly(app, '/health', ['GET', 'HEAD']);
}
