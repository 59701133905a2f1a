import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import type { Clock } from '@bp/core';
import type { Config } from '../config.ts';
import { OrderProcessor } from './order-processor.ts';
import type { OrderStore } from './order-store.ts';
import type { PaymentGateway } from './payment-gateway.ts';
import { Payments } from './payments.ts';

/** Dependencies of {@link buildOrders}. */
export interface OrdersDeps {
  readonly store: OrderStore;
  readonly gateway: PaymentGateway;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  /** Called when an order could not be processed because the store failed. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** The order processor and the primitives behind it, for the metrics. */
export interface Orders {
  readonly processor: OrderProcessor;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
}

/** Builds the processing of orders: workers over a bounded queue, and payments through limiter and breaker. */
export function buildOrders(config: Config, { store, gateway, clock, random, onError }: OrdersDeps): Orders {
  const limiter = new ConcurrencyLimiter({
    name: 'payment-concurrency',
    limit: config.PAYMENT_CONCURRENCY,
    maxQueue: config.WORKERS,
    clock,
  });
  const breaker = new CircuitBreaker({
    name: 'payment-breaker',
    consecutiveFailures: config.BREAKER_FAILURES,
    openMs: config.BREAKER_OPEN_MS,
    halfOpenProbes: config.BREAKER_PROBES,
    // A probe is an attempt, and the timeout ends every attempt.
    halfOpenMaxMs: config.PAYMENT_TIMEOUT_MS,
    clock,
  });
  const payments = new Payments({
    store,
    gateway,
    timeoutMs: config.PAYMENT_TIMEOUT_MS,
    maxAttempts: config.PAYMENT_ATTEMPTS,
    maxActive: config.WORKERS,
    limiter,
    breaker,
    clock,
    random,
  });
  const processor = new OrderProcessor({
    store,
    payments,
    workers: config.WORKERS,
    queueCapacity: config.QUEUE_CAPACITY,
    orderTimeoutMs: config.ORDER_TIMEOUT_MS,
    clock,
    onError,
  });
  return { processor, limiter, breaker };
}
