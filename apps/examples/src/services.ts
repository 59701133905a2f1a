import { setTimeout as work } from 'node:timers/promises';
import { contextHeaders, type RequestContext } from '@bp/context';
import { backpressure } from '@bp/fastify';
import Fastify, { type FastifyInstance } from 'fastify';

/** What the second service saw of a call. */
export interface Hop {
  readonly method: string;
  /** `X-Request-Timeout-Ms` as it arrived. */
  readonly timeoutHeader: string | undefined;
  readonly context: RequestContext;
}

/** Two servers on free ports of this machine. */
export interface Services extends AsyncDisposable {
  /** Where the first one answers GET and POST; `?workMs=` says how long the second one works for it. */
  readonly url: string;
}

async function listen(app: FastifyInstance): Promise<string> {
  return await app.listen({ port: 0, host: '127.0.0.1' });
}

/** The second service works until it is done or nobody waits for it any more; `onHop` is told when it begins. */
async function startStock(onHop: (hop: Hop) => void): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(backpressure, { deadline: {} });
  app.route<{ Querystring: { workMs?: string } }>({
    method: ['GET', 'POST'],
    url: '/stock',
    handler: async ({ method, headers, query, backpressure: context }) => {
      onHop({ method, timeoutHeader: headers['x-request-timeout-ms']?.toString(), context });
      await context.race(work(Number(query.workMs ?? 0), undefined, { signal: context.signal }));
      return { stock: 3 };
    },
  });
  return app;
}

/** The first service passes on what is left of its caller's time, and its caller's hanging up. */
async function startOrders(stockUrl: string): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(backpressure, { deadline: {} });
  app.route<{ Querystring: { workMs?: string } }>({
    method: ['GET', 'POST'],
    url: '/orders',
    handler: async ({ method, query, body, backpressure: context }, reply) => {
      const answer = await context.race(
        fetch(`${stockUrl}/stock?workMs=${Number(query.workMs ?? 0)}`, {
          method,
          headers: { ...contextHeaders(context), 'content-type': 'application/json' },
          body: method === 'POST' ? JSON.stringify(body) : null,
          signal: context.signal,
        }),
      );
      return reply.code(answer.status).send(await answer.json());
    },
  });
  return app;
}

/** Starts both; dispose of them to stop them. */
export async function startServices(onHop: (hop: Hop) => void): Promise<Services> {
  const stock = await startStock(onHop);
  const orders = await startOrders(await listen(stock));
  return {
    url: `${await listen(orders)}/orders`,
    [Symbol.asyncDispose]: async () => {
      await orders.close();
      await stock.close();
    },
  };
}
