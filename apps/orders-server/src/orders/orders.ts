import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import type { Clock } from '@bp/core';
import type { Config } from '../config.ts';
import { OrderProcessor } from './order-processor.ts';
import type { OrderStore } from './order-store.ts';
import { PaymentClient } from './payment-client.ts';
import type { PaymentGateway } from './payment-gateway.ts';

/** What {@link buildOrders} stands on. */
export interface OrdersDeps {
  readonly store: OrderStore;
  readonly gateway: PaymentGateway;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  /** Told of what must not happen: a store that fails. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** All that works on orders, and what can be looked at while it does. */
export interface Orders {
  readonly processor: OrderProcessor;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
}

/** Workers over a bounded queue, whose payments are retried, each try through deadline, limiter and breaker. */
export function buildOrders(config: Config, { store, gateway, clock, random, onError }: OrdersDeps): Orders {
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
    // No probe takes longer, so nobody who is rejected meanwhile is told to wait longer.
    halfOpenMaxMs: config.PAYMENT_TIMEOUT_MS,
    clock,
  });
  const payments = new PaymentClient({
    gateway,
    timeoutMs: config.PAYMENT_TIMEOUT_MS,
    maxAttempts: config.PAYMENT_ATTEMPTS,
    payers: config.WORKERS,
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
