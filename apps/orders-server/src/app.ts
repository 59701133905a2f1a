import type { Server } from 'node:http';
import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { type Clock, systemClock } from '@bp/core';
import { PerClientRateLimiter } from '@bp/rate-limiter';
import fastify, {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  LogController,
} from 'fastify';
import type { Config } from './config.ts';
import { overloadGate } from './gates/overload.ts';
import { rateLimitGate } from './gates/rate-limit.ts';
import { Refusals } from './gates/refusals.ts';
import { Shutdown, shutdownGate } from './gates/shutdown.ts';
import { MemoryOrderStore } from './orders/memory-order-store.ts';
import { OrderProcessor } from './orders/order-processor.ts';
import type { OrderStore } from './orders/order-store.ts';
import { PaymentClient } from './orders/payment-client.ts';
import type { PaymentGateway } from './orders/payment-gateway.ts';
import { errorAnswers } from './routes/errors.ts';
import { healthRoute } from './routes/health.ts';
import { metricsRoute } from './routes/metrics.ts';
import { orderRoutes } from './routes/orders/index.ts';

/** What the app is built on; tests bring their own clock and store. */
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

export function buildApp(config: Config, deps: AppDeps): OrdersServer {
  const { gateway, log, clock = systemClock } = deps;
  const { store = new MemoryOrderStore({ maxOrders: config.MAX_ORDERS }) } = deps;

  const clients = new PerClientRateLimiter({
    rate: config.RATE_LIMIT_PER_SECOND,
    burst: config.RATE_LIMIT_BURST,
    maxClients: config.RATE_LIMIT_MAX_CLIENTS,
    clock,
  });
  const limiter = new ConcurrencyLimiter({
    name: 'payments',
    limit: config.PAYMENT_CONCURRENCY,
    maxQueue: config.WORKERS,
    clock,
  });
  const breaker = new CircuitBreaker({
    name: 'payments',
    consecutiveFailures: config.BREAKER_FAILURES,
    openMs: config.BREAKER_OPEN_MS,
    halfOpenProbes: config.BREAKER_PROBES,
    clock,
  });
  const payments = new PaymentClient({
    gateway,
    timeoutMs: config.PAYMENT_TIMEOUT_MS,
    limiter,
    breaker,
    clock,
  });
  const processor = new OrderProcessor({
    store,
    payments,
    workers: config.WORKERS,
    queueCapacity: config.QUEUE_CAPACITY,
    maxAttempts: config.PAYMENT_ATTEMPTS,
    orderTimeoutMs: config.ORDER_TIMEOUT_MS,
    clock,
    onError: (err, orderId) => log.error({ err, orderId }, 'order could not be processed'),
  });
  const shutdown = new Shutdown(clock);
  const refusals = new Refusals({ clock, log, bodyLimitBytes: config.BODY_LIMIT_BYTES });
  processor.onSaturation((saturated) => {
    if (saturated) log.warn({ retryAfterMs: Math.round(processor.retryAfterMs()) }, 'overload began');
    else log.info('overload ended');
  });
  breaker.onTransition(({ from, to }) => log.warn({ from, to }, 'circuit breaker'));

  const app = fastify(serverOptions(config, log));
  app.removeContentTypeParser('text/plain');
  errorAnswers(app);
  healthRoute(app, shutdown);
  metricsRoute(app, { processor, limiter, breaker });
  orderRoutes(app, {
    gates: [
      shutdownGate(shutdown, refusals), //                      503, leaving
      rateLimitGate(clients, clock, refusals), //               429, too many from this client
      overloadGate(processor, refusals), //     503, too many from all
    ],
    processor,
    store,
    refusals,
    shutdown,
  });

  const drain = async (): Promise<void> => {
    const deadline = shutdown.begin(config.SHUTDOWN_GRACE_MS);
    log.info({ ...processor.stats(), graceMs: Math.round(shutdown.leftMs()) }, 'draining');
    await processor.close({ deadline });
    const unfinished = (await store.unfinished()).map(({ orderId }) => orderId);
    if (unfinished.length > 0)
      log.warn({ unfinished }, 'unfinished orders are lost with the memory they are in');
    log.info({ refused: refusals.total }, 'drained');
  };
  app.addHook('onClose', async () => {
    await processor.close({ deadline: clock.now() });
    await gateway.close();
  });
  return { app, drain };
}

function serverOptions(
  config: Config,
  log: FastifyBaseLogger,
): FastifyHttpOptions<Server, FastifyBaseLogger> {
  return {
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.BODY_LIMIT_BYTES,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    // A client that sends slowly holds a socket and nothing else, and not for long: headers within 5 s, the whole
    // request within 10 s, both looked at every second, and no more than 15 s of silence. Idle connections are kept a
    // little longer than the 60 s of the usual load balancers, so that it is never the server that hangs up first.
    connectionTimeout: 15_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
  };
}
