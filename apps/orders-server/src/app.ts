import { type Clock, systemClock } from '@bp/core';
import { PerClientRateLimiter } from '@bp/rate-limiter';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { overloadGate, overloadRefusal } from './gates/overload.ts';
import { rateLimitGate } from './gates/rate-limit.ts';
import { RateLimitFields } from './gates/rate-limit-fields.ts';
import { RATE_LIMIT_POLICY, Refusals } from './gates/refusals.ts';
import { leavingRefusal, Shutdown, shutdownGate } from './gates/shutdown.ts';
import { MemoryOrderStore } from './orders/memory-order-store.ts';
import type { OrderStore } from './orders/order-store.ts';
import { buildOrders } from './orders/orders.ts';
import type { PaymentGateway } from './orders/payment-gateway.ts';
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
  readonly store?: OrderStore | undefined;
}

/** The app, and how it leaves. */
export interface OrdersServer {
  readonly app: FastifyInstance;
  /** Takes no more orders and works off those it has within the grace time. The routes still answer. */
  drain(): Promise<void>;
}

/** The server, not listening yet. The gates stand in the order in which they are listed. */
export function buildApp(config: Config, deps: AppDeps): OrdersServer {
  const { gateway, log, clock = systemClock } = deps;
  const { store = new MemoryOrderStore({ maxOrders: config.MAX_ORDERS }) } = deps;

  const onError = (err: unknown, orderId: string) => log.error({ err, orderId }, 'order not processed');
  const { processor, limiter, breaker } = buildOrders(config, { store, gateway, clock, onError });
  processor.onSaturation((saturated) => {
    if (saturated) log.warn({ retryAfterMs: Math.round(processor.retryAfterMs()) }, 'overload began');
    else log.info('overload ended');
  });
  breaker.onTransition(({ from, to }) => log.warn({ from, to }, 'circuit breaker'));

  const clients = new PerClientRateLimiter({
    rate: config.RATE_LIMIT_PER_SECOND,
    burst: config.RATE_LIMIT_BURST,
    maxClients: config.RATE_LIMIT_MAX_CLIENTS,
    clock,
  });
  const fields = new RateLimitFields({
    name: RATE_LIMIT_POLICY,
    rate: config.RATE_LIMIT_PER_SECOND,
    burst: config.RATE_LIMIT_BURST,
  });
  const shutdown = new Shutdown(clock);
  const refusals = new Refusals({ clock, log, bodyLimitBytes: config.BODY_LIMIT_BYTES });
  const leaving = leavingRefusal(shutdown, refusals);
  const overloaded = overloadRefusal(processor, clients, refusals);

  const app = fastify(serverOptions(config, log));
  app.removeContentTypeParser('text/plain');
  errorAnswers(app);
  healthRoute(app, shutdown);
  metricsRoute(app, { processor, limiter, breaker });
  orderRoutes(app, {
    gates: [
      shutdownGate(shutdown, leaving), //             503
      rateLimitGate({ limiter: clients, fields, clock, refusals }), // 429
      overloadGate(processor, overloaded), //         503
    ],
    processor,
    store,
    refuse: (request, reply) => (shutdown.begun ? leaving : overloaded)(request, reply),
  });
  app.addHook('onClose', async () => {
    await processor.close({ deadline: clock.now() });
    await gateway.close();
  });

  const drain = async (): Promise<void> => {
    const deadline = shutdown.begin(config.SHUTDOWN_GRACE_MS);
    log.info({ ...processor.stats(), graceMs: Math.round(shutdown.leftMs()) }, 'draining');
    await processor.close({ deadline });
    const unfinished = (await store.unfinished()).map(({ orderId }) => orderId);
    if (unfinished.length > 0) log.warn({ unfinished }, 'unfinished orders are lost with the memory');
    log.info({ refused: refusals.total }, 'drained');
  };
  return { app, drain };
}
