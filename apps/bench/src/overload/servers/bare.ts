import Fastify, { type FastifyInstance } from 'fastify';

/** Fastify as it comes: every request is started when it is read. */
export async function bare(work: () => Promise<void>): Promise<FastifyInstance> {
  const app = Fastify();
  app.post('/api/orders', async (_request, reply) => {
    await work();
    return reply.code(202).send({ message: 'done' });
  });
  return app;
}
