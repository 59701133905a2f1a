import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import Fastify, { type FastifyInstance } from 'fastify';

/** What may be tuned; the bench tries several and reports the best. */
export interface Tuning {
  readonly sampleInterval: number;
  readonly maxEventLoopDelay: number;
}

/** Fastify with its own two plugins. The rate limit is there at its usual cost but wide enough never to bind. */
export async function fastifyPlugins(work: () => Promise<void>, tuning: Tuning): Promise<FastifyInstance> {
  const app = Fastify();
  await app.register(underPressure, tuning);
  await app.register(rateLimit, {
    max: 1_000_000,
    cache: 20_000,
    keyGenerator: (request) => String(request.headers['x-user-id']),
  });
  app.post('/api/orders', async (_request, reply) => {
    await work();
    return reply.code(202).send({ message: 'done' });
  });
  return app;
}
