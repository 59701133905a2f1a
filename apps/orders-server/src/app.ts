import { type Clock, systemClock } from '@bp/core';
import { backpressure } from '@bp/fastify';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { gates } from './gates.ts';
import { MemoryOrderStore } from './orders/memory-order-store.ts';
import type { OrderStore } from './orders/order-store.ts';
import { buildOrders } from './orders/orders.ts';
import type { PaymentGateway } from './orders/payment-gateway.ts';
import { logRejections, rejectionsOf } from './rejection-log.ts';
import { errorAnswers } from './routes/errors.ts';
import { healthRoute } from './routes/health.ts';
import { metricsRoute } from './routes/metrics.ts';
import { orderRoutes } from './routes/orders/index.ts';
import { serverOptions } from './server-options.ts';

/** What the app stands on; tests bring their own. */
export interface AppDeps {
  readonly gateway: PaymentGateway;
  readonly log: FastifyBaseLogger;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly store?: OrderStore | undefined;
}

/** The app, and how it leaves. */
export interface OrdersServer {
  readonly app: FastifyInstance;
  /** Takes no more orders and works off those it has within the grace time. The routes still answer. */
  drain(): Promise<void>;
}

/** The server, not listening yet. */
export async function buildApp(config: Config, deps: AppDeps): Promise<OrdersServer> {
  const { gateway, log, clock = systemClock, random = Math.random } = deps;
  const { store = new MemoryOrderStore({ maxOrders: config.MAX_ORDERS }) } = deps;

  const onError = (err: unknown, orderId: string) => log.error({ err, orderId }, 'order not processed');
  const { processor, limiter, breaker } = buildOrders(config, { store, gateway, clock, random, onError });
  breaker.onTransition(({ from, to }) => log.warn({ from, to }, 'circuit breaker'));

  const app = fastify(serverOptions(config, log));
  app.removeContentTypeParser('text/plain');
  errorAnswers(app);
  await app.register(backpressure, gates(config, { processor, clock, random }));
  logRejections(app, clock);
  healthRoute(app);
  metricsRoute(app, { processor, limiter, breaker });
  orderRoutes(app, { processor, store });
  app.addHook('onClose', async () => {
    await processor.close({ deadline: clock.now() });
    await gateway.close();
  });

  const drain = async (): Promise<void> => {
    const deadline = clock.now() + config.SHUTDOWN_GRACE_MS;
    app.backpressure.shutDown({ deadline });
    log.info({ ...processor.stats(), graceMs: config.SHUTDOWN_GRACE_MS }, 'draining');
    await processor.close({ deadline });
    const unfinished = (await store.unfinished()).map(({ orderId }) => orderId);
    if (unfinished.length > 0) log.warn({ unfinished }, 'unfinished orders are lost with the memory');
    log.info({ rejected: rejectionsOf(app) }, 'drained');
  };
  return { app, drain };
}
