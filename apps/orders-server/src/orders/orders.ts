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
  /** Told of what must not happen: a store that fails. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** All that works on orders, and what can be looked at while it does. */
export interface Orders {
  readonly processor: OrderProcessor;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
}

/** Workers over a bounded queue, whose payments go through deadline, limiter and breaker. */
export function buildOrders(config: Config, { store, gateway, clock, onError }: OrdersDeps): Orders {
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
  const processor = new OrderProcessor({
    store,
    payments: new PaymentClient({ gateway, timeoutMs: config.PAYMENT_TIMEOUT_MS, limiter, breaker, clock }),
    workers: config.WORKERS,
    queueCapacity: config.QUEUE_CAPACITY,
    maxAttempts: config.PAYMENT_ATTEMPTS,
    orderTimeoutMs: config.ORDER_TIMEOUT_MS,
    clock,
    onError,
  });
  return { processor, limiter, breaker };
}
