import { setTimeout as work } from 'node:timers/promises';
import { contextHeaders, type RequestContext } from '@bp/context';
import { backpressure } from '@bp/fastify';
import Fastify, { type FastifyInstance } from 'fastify';

/** A call as the second service received it. */
export interface Hop {
  readonly method: string;
  /** The `X-Request-Timeout-Ms` header of the request. */
  readonly timeoutHeader: string | undefined;
  readonly context: RequestContext;
}

/** Two running servers on free ports. */
export interface Services extends AsyncDisposable {
  /** URL of the first service, for GET and POST. `?workMs=` sets how long the second service works. */
  readonly url: string;
}

async function listen(app: FastifyInstance): Promise<string> {
  return await app.listen({ port: 0, host: '127.0.0.1' });
}

/** The second service: calls `onHop`, then works for `workMs` or until its context ends. */
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

/** The first service: calls the second one with the remaining time, and cancels that call when its client disconnects. */
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

/** Starts both services; disposing of the result stops them. */
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
