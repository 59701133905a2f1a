import Fastify, { type FastifyInstance } from 'fastify';
import PQueue from 'p-queue';

const MAX_WAITING = 64;

/** Fastify with p-queue, bounded by hand as p-queue's documentation suggests. */
export async function pQueue(work: () => Promise<void>, concurrency: number): Promise<FastifyInstance> {
  const app = Fastify();
  const queue = new PQueue({ concurrency });
  app.post('/api/orders', async (_request, reply) => {
    if (queue.size >= MAX_WAITING) return reply.code(503).send({ error: 'overloaded' });
    await queue.add(work);
    return reply.code(202).send({ message: 'done' });
  });
  return app;
}
