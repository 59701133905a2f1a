import Fastify, { type FastifyInstance } from 'fastify';

/** Fastify alone: the handler of every request starts when the request is read. */
export async function bare(work: () => Promise<void>): Promise<FastifyInstance> {
  const app = Fastify();
  app.post('/api/orders', async (_request, reply) => {
    await work();
    return reply.code(202).send({ message: 'done' });
  });
  return app;
}
