import type { FastifyInstance } from 'fastify';
export async function ours(_work: () => Promise<void>, _concurrency: number): Promise<FastifyInstance> {
  throw new Error('not there yet');
}
