import { type Clock, systemClock } from '@bp/core';
import { backpressure } from '@bp/fastify';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { identifyClients } from './client.ts';
import type { Config } from './config.ts';
import { clientRateLimit, EXEMPT_ROUTES, orderLoad } from './gates.ts';
import { MemoryOrderStore } from './orders/memory-order-store.ts';
import type { OrderStore } from './orders/order-store.ts';
import { buildOrders } from './orders/orders.ts';
import type { PaymentGateway } from './orders/payment-gateway.ts';
import { logRejections, rejectionsOf } from './rejection-log.ts';
import { errorResponses } from './routes/errors.ts';
import { healthRoute } from './routes/health.ts';
import { metricsRoute } from './routes/metrics.ts';
import { orderRoutes } from './routes/orders/index.ts';
import { serverOptions } from './server-options.ts';

/** Dependencies of the app. */
export interface AppDeps {
  readonly gateway: PaymentGateway;
  readonly log: FastifyBaseLogger;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly store?: OrderStore | undefined;
}

/** The app and its shutdown. */
export interface OrdersServer {
  readonly app: FastifyInstance;
  /** Accepts no more orders and finishes the accepted ones within the grace time. The routes still answer. */
  drain(): Promise<void>;
}

/** Builds the server, not listening yet. */
export async function buildApp(config: Config, deps: AppDeps): Promise<OrdersServer> {
  const { gateway, log, clock = systemClock, random = Math.random } = deps;
  const { store = new MemoryOrderStore({ maxOrders: config.MAX_ORDERS }) } = deps;

  const onError = (err: unknown, orderId: string) => log.error({ err, orderId }, 'order not processed');
  const { processor, limiter, breaker } = buildOrders(config, { store, gateway, clock, random, onError });
  breaker.onTransition(({ from, to }) => log.warn({ from, to }, 'circuit breaker'));

  const app = fastify(serverOptions(config, log));
  app.removeContentTypeParser('text/plain');
  errorResponses(app);
  // The gates of a new order, before its body is read: shutdown (503, always first), rate limit (429), load (503).
  await app.register(backpressure, {
    rateLimit: clientRateLimit(config),
    load: orderLoad(config, processor),
    exempt: EXEMPT_ROUTES,
    // The time until a client's next token is exact. Only returns after an overload are spread.
    jitter: 0,
    maxUnreadBodyBytes: config.BODY_LIMIT_BYTES,
    // Rejections are counted in the log instead: see logRejections.
    logRejections: false,
    clock,
    random,
  });
  identifyClients(app);
  logRejections(app, clock);
  healthRoute(app);
  metricsRoute(app, { processor, limiter, breaker });
  orderRoutes(app, { processor, store });
  app.addHook('onClose', async () => {
    await processor.close({ withinMs: 0 });
    await gateway.close();
  });

  const drain = async (): Promise<void> => {
    const withinMs = config.SHUTDOWN_GRACE_MS;
    app.backpressure.shutDown({ withinMs });
    log.info({ ...processor.stats(), graceMs: withinMs }, 'draining');
    await processor.close({ withinMs });
    await logUnfinished(store, log);
    log.info(rejectionsOf(app), 'drained');
  };
  return { app, drain };
}

/** Names the orders that are lost with the memory, and which of them may have been charged. */
async function logUnfinished(store: OrderStore, log: FastifyBaseLogger): Promise<void> {
  const orders = await store.unfinished();
  if (orders.length === 0) return;
  const unfinished = orders.map(({ orderId }) => orderId);
  const mayBeCharged = orders.filter((order) => order.mayBeCharged).map(({ orderId }) => orderId);
  log.warn({ unfinished, mayBeCharged }, 'unfinished orders are lost with the memory');
}
