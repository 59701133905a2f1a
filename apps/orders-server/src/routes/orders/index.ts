import { RejectedError } from '@bp/core';
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { OrderProcessor } from '../../orders/order-processor.ts';
import type { OrderStore } from '../../orders/order-store.ts';
import { allowOnly, answer, errorAnswer } from '../errors.ts';
import { orderAnswer, orderBody, orderParams, queuedAnswer } from './schemas.ts';

/** What the order routes stand on. */
export interface OrderRoutesOptions {
  readonly processor: OrderProcessor;
  readonly store: OrderStore;
}

/** `POST /api/orders` and `GET /api/orders/:orderId`. */
export function orderRoutes(app: FastifyInstance, { processor, store }: OrderRoutesOptions): void {
  app.post<{ Body: Static<typeof orderBody> }>(
    '/api/orders',
    {
      schema: { body: orderBody, response: { 202: queuedAnswer, '4xx': errorAnswer } },
    },
    async (request, reply) => {
      const order = await processor.accept(request.body);
      // It passed the gates, and while its body was read the last place went to another, or the server began to leave.
      if (order === undefined) throw rejection();
      const { orderId } = order;
      return reply.code(202).send({ message: 'Order queued', orderId, queueSize: processor.stats().queued });
    },
  );
  allowOnly(app, '/api/orders', ['POST']);

  const rejection = (): RejectedError =>
    app.backpressure.shuttingDown
      ? new RejectedError('SHUTTING_DOWN', 'orders')
      : new RejectedError('QUEUE_FULL', 'orders', { retryAfterMs: processor.retryAfterMs() });

  app.get<{ Params: Static<typeof orderParams> }>(
    '/api/orders/:orderId',
    { schema: { params: orderParams, response: { 200: orderAnswer, '4xx': errorAnswer } } },
    async ({ params }, reply) => {
      const order = await store.get(params.orderId);
      return order ?? reply.code(404).send(answer(404, 'no such order'));
    },
  );
  allowOnly(app, '/api/orders/:orderId', ['GET', 'HEAD']);
}
