import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { Gate, Refuse } from '../../gates/refusals.ts';
import type { OrderProcessor } from '../../orders/order-processor.ts';
import type { OrderStore } from '../../orders/order-store.ts';
import { allowOnly, answer, errorAnswer } from '../errors.ts';
import { orderAnswer, orderBody, orderParams, queuedAnswer } from './schemas.ts';

/** What the order routes stand on. */
export interface OrderRoutesOptions {
  /** What every new order passes before its body is read, in this order. */
  readonly gates: readonly Gate[];
  readonly processor: OrderProcessor;
  readonly store: OrderStore;
  /** Answers an order that passed the gates and found no place after all. */
  readonly refuse: Refuse;
}

/** `POST /api/orders` and `GET /api/orders/:orderId`. Reading an order costs no more than refusing to, so no gate stands before it. */
export function orderRoutes(app: FastifyInstance, options: OrderRoutesOptions): void {
  const { gates, processor, store, refuse } = options;

  app.post<{ Body: Static<typeof orderBody> }>(
    '/api/orders',
    {
      onRequest: [...gates],
      schema: { body: orderBody, response: { 202: queuedAnswer, '4xx': errorAnswer } },
    },
    async (request, reply) => {
      const order = await processor.accept(request.body);
      if (order === undefined) {
        refuse(request, reply);
        return reply;
      }
      const { orderId } = order;
      return reply.code(202).send({ message: 'Order queued', orderId, queueSize: processor.stats().queued });
    },
  );
  allowOnly(app, '/api/orders', ['POST']);

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
