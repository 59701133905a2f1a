import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { Gate, Refusals } from '../../gates/refusals.ts';
import type { Shutdown } from '../../gates/shutdown.ts';
import type { OrderProcessor } from '../../orders/order-processor.ts';
import type { OrderStore } from '../../orders/order-store.ts';
import { allowOnly, answer } from '../errors.ts';
import { orderAnswer, orderBody, orderParams, queuedAnswer } from './schemas.ts';

/** What the order routes stand on. */
export interface OrderRoutesOptions {
  /** What every new order passes before its body is read, in this order. */
  readonly gates: readonly Gate[];
  readonly processor: OrderProcessor;
  readonly store: OrderStore;
  readonly refusals: Refusals;
  readonly shutdown: Shutdown;
}

/** `POST /api/orders` and `GET /api/orders/:orderId`. Reading an order costs no more than refusing to, so no gate stands before it. */
export function orderRoutes(app: FastifyInstance, options: OrderRoutesOptions): void {
  const { gates, processor, store, refusals, shutdown } = options;

  app.post<{ Body: Static<typeof orderBody> }>(
    '/api/orders',
    { onRequest: [...gates], schema: { body: orderBody, response: { 202: queuedAnswer } } },
    async (request, reply) => {
      const order = await processor.accept(request.body);
      if (order !== undefined) {
        const { orderId } = order;
        return reply
          .code(202)
          .send({ message: 'Order queued', orderId, queueSize: processor.stats().queued });
      }
      // It passed the gates before its body was read; what they looked at has changed since.
      if (shutdown.begun) refusals.send('shuttingDown', request, reply, shutdown.leftMs());
      else refusals.send('overloaded', request, reply, processor.retryAfterMs());
      return reply;
    },
  );
  allowOnly(app, '/api/orders', ['POST']);

  app.get<{ Params: Static<typeof orderParams> }>(
    '/api/orders/:orderId',
    { schema: { params: orderParams, response: { 200: orderAnswer } } },
    async ({ params }, reply) => {
      const order = await store.get(params.orderId);
      return order ?? reply.code(404).send(answer(404, 'no such order'));
    },
  );
  allowOnly(app, '/api/orders/:orderId', ['GET', 'HEAD']);
}
