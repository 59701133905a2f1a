import { backpressure } from '@bp/fastify';
import { WorkerPool } from '@bp/worker-pool';
import Fastify, { type FastifyInstance } from 'fastify';

/** Fastify with @bp/fastify and a worker pool, with their defaults. The rate limit is on but wide enough never to bind. */
export async function ours(work: () => Promise<void>, concurrency: number): Promise<FastifyInstance> {
  const app = Fastify();
  const pool = new WorkerPool({ workers: concurrency });
  await app.register(backpressure, {
    rateLimit: { rate: 1_000_000, key: (request) => String(request.headers['x-user-id']) },
    load: { sources: [pool] },
    deadline: {},
    tiers: { gold: { priority: 2 }, silver: { priority: 1 }, bronze: { priority: 0 } },
    tierOf: (request) => String(request.headers['x-tier']),
  });
  app.post('/api/orders', async (request, reply) => {
    await pool.submit(work, request.backpressure);
    return reply.code(202).send({ message: 'done' });
  });
  return app;
}
