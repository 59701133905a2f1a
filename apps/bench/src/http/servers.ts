import { type BackpressureOptions, backpressure } from '@bp/fastify';
import { WorkerPool } from '@bp/worker-pool';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';

/** Above the rate of every user and the wait of a cold server: all gates admit every request. */
const A_SECOND = 1000;
const LATE_MS = 1000;
const KEPT_USERS = 20_000;

const user = (request: FastifyRequest): string => String(request.headers['x-user-id']);
const inline = async (_request: FastifyRequest, reply: FastifyReply): Promise<unknown> =>
  reply.code(202).send({ message: 'done' });

async function bare(): Promise<FastifyInstance> {
  const app = Fastify();
  app.post('/api/orders', inline);
  return app;
}

async function plugins(): Promise<FastifyInstance> {
  const app = Fastify();
  await app.register(underPressure, { maxEventLoopDelay: LATE_MS });
  await app.register(rateLimit, {
    max: A_SECOND,
    timeWindow: 1000,
    cache: KEPT_USERS,
    keyGenerator: user,
  });
  app.post('/api/orders', inline);
  return app;
}

async function ours(handler: 'inline' | 'pool'): Promise<FastifyInstance> {
  const app = Fastify();
  const pool = new WorkerPool({ workers: 64, maxQueue: 128, maxWaitMs: LATE_MS });
  const options: BackpressureOptions = {
    rateLimit: { rate: A_SECOND, maxKeys: KEPT_USERS, key: user },
    load: {
      sources: [pool],
      maxWaitMs: LATE_MS,
      eventLoop: { targetLagMs: LATE_MS, maxLagMs: LATE_MS },
    },
    deadline: { maxMs: 10_000 },
    tiers: { gold: { priority: 2 }, silver: { priority: 1 }, bronze: { priority: 0 } },
    tierOf: (request) => String(request.headers['x-tier']),
  };
  await app.register(backpressure, options);
  if (handler === 'inline') app.post('/api/orders', inline);
  else
    app.post('/api/orders', async (request, reply) => {
      await pool.submit(async () => {}, request.backpressure);
      return reply.code(202).send({ message: 'done' });
    });
  return app;
}

/** The server that ratios refer to. */
export const BARE = 'bare Fastify';

/** The servers that are compared; all answer the same, and every request. */
export const servers: Readonly<Record<string, () => Promise<FastifyInstance>>> = {
  [BARE]: bare,
  'Fastify + rate-limit + under-pressure': plugins,
  '@bp/fastify, every gate': () => ours('inline'),
  '@bp/fastify, every gate, work in a pool': () => ours('pool'),
};
