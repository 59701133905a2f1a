import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { amountOf, centsOf } from '../../orders/cents.ts';
import { OrderConflictError } from '../../orders/order.ts';
import type { OrderProcessor } from '../../orders/order-processor.ts';
import type { OrderStore } from '../../orders/order-store.ts';
import { allowOnly, errorBody, errorResponse } from '../errors.ts';
import { orderBody, orderParams, orderResponse, queuedResponse } from './schemas.ts';

/** Dependencies of the order routes. */
export interface OrderRoutesDeps {
  readonly processor: OrderProcessor;
  readonly store: OrderStore;
}

/** Adds `POST /api/orders` and `GET /api/orders/:orderId`. */
export function orderRoutes(app: FastifyInstance, { processor, store }: OrderRoutesDeps): void {
  app.post<{ Body: Static<typeof orderBody> }>(
    '/api/orders',
    { schema: { body: orderBody, response: { 202: queuedResponse, '4xx': errorResponse } } },
    async (request, reply) => {
      const { orderId = randomUUID(), amount } = request.body;
      const amountCents = centsOf(amount);
      if (amountCents === undefined)
        return reply.code(400).send(errorBody(400, 'amount must have at most two decimals'));
      try {
        await processor.accept({ client: request.client, orderId, amountCents });
      } catch (error) {
        if (!(error instanceof OrderConflictError)) throw error;
        return reply.code(409).send(errorBody(409, error.message));
      }
      return reply.code(202).send({ message: 'Order queued', orderId, queueSize: processor.stats().queued });
    },
  );
  allowOnly(app, '/api/orders', ['POST']);

  app.get<{ Params: Static<typeof orderParams> }>(
    '/api/orders/:orderId',
    { schema: { params: orderParams, response: { 200: orderResponse, '4xx': errorResponse } } },
    async (request, reply) => {
      const { orderId } = request.params;
      const order = await store.get({ client: request.client, orderId });
      if (order === undefined) return reply.code(404).send(errorBody(404, 'no such order'));
      return { ...order, amount: amountOf(order.amountCents) };
    },
  );
  allowOnly(app, '/api/orders/:orderId', ['GET', 'HEAD']);
}
