import type { CircuitBreaker } from '@bp/circuit-breaker';
import type { ConcurrencyLimiter } from '@bp/concurrency';
import { timeout } from '@bp/context';
import { type AdmissionOptions, type Clock, compose, type Policy, type Unsubscribe } from '@bp/core';
import type { Order, OrderOutcome } from './order.ts';
import type { Payments } from './order-processor.ts';
import type { PaymentGateway } from './payment-gateway.ts';

/** What a {@link PaymentClient} needs. */
export interface PaymentClientOptions {
  readonly gateway: PaymentGateway;
  /** Milliseconds one payment may take, waiting for a permit included. */
  readonly timeoutMs: number;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
}

/** Pays orders at a gateway within a deadline, some at a time, and not at all while the gateway is known to fail. */
export class PaymentClient implements Payments {
  readonly #gateway: PaymentGateway;
  readonly #breaker: CircuitBreaker;
  readonly #policy: Policy;

  constructor({ gateway, timeoutMs, limiter, breaker, clock }: PaymentClientOptions) {
    this.#gateway = gateway;
    this.#breaker = breaker;
    // The breaker stands innermost: it judges only calls that were really made.
    this.#policy = compose(timeout({ timeoutMs, clock }), limiter, breaker);
  }

  pay(order: Order, ctx: AdmissionOptions): Promise<OrderOutcome> {
    return this.#policy.execute((inner) => this.#gateway.charge(order, inner), ctx);
  }

  retryAfterMs(): number {
    return this.#breaker.retryAfterMs();
  }

  onRecovered(listener: () => void): Unsubscribe {
    return this.#breaker.onTransition(({ to }) => {
      if (to === 'CLOSED') listener();
    });
  }
}
