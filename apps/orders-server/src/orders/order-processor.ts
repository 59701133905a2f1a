import { RequestContext } from '@bp/context';
import { type CallContext, type Clock, isRejected } from '@bp/core';
import { WorkerPool } from '@bp/worker-pool';
import type { Order, OrderOutcome, OrderRequest } from './order.ts';
import type { OrderStore } from './order-store.ts';
import type { PayableOrder } from './payment.ts';

/** Where orders are paid; {@link PaymentClient} is one. */
export interface Payments {
  /** Tries until something is decided; undefined if `ctx` was cancelled first, and the order is unfinished. */
  pay(order: PayableOrder, ctx: RequestContext): Promise<OrderOutcome | undefined>;
  /** Milliseconds until the gateway may be called again; 0 while it may. */
  retryAfterMs(): number;
}

/** What an {@link OrderProcessor} needs. */
export interface OrderProcessorOptions {
  readonly store: OrderStore;
  readonly payments: Payments;
  /** Orders processed at once. */
  readonly workers: number;
  /** Accepted orders that may wait for a worker. */
  readonly queueCapacity: number;
  /** Milliseconds a worker tries to get one order paid before the order fails. */
  readonly orderTimeoutMs: number;
  readonly clock: Clock;
  /** Told of what must not happen: a store that fails. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** How things stand with the queue at this moment. */
export interface QueueStats {
  readonly running: number;
  readonly queued: number;
  readonly capacity: number;
}

/**
 * Takes orders as long as a worker or a place in the queue is free, and gets each of them paid. An order whose payment
 * fails keeps its worker until it is tried again: while the gateway is away the queue fills and newcomers are
 * rejected, instead of orders piling up somewhere else.
 */
export class OrderProcessor {
  readonly #store: OrderStore;
  readonly #payments: Payments;
  readonly #pool: WorkerPool;
  readonly #orderTimeoutMs: number;
  readonly #clock: Clock;
  readonly #onError: (error: unknown, orderId: string) => void;

  constructor(options: OrderProcessorOptions) {
    this.#store = options.store;
    this.#payments = options.payments;
    this.#orderTimeoutMs = options.orderTimeoutMs;
    this.#clock = options.clock;
    this.#onError = options.onError;
    const { workers, queueCapacity: maxQueue, clock } = options;
    this.#pool = new WorkerPool({ name: 'orders', workers, maxQueue, clock });
  }

  /**
   * Takes a place in the queue and stores the order, as safe as the store makes it; undefined if there is no place in
   * either. What cannot be queued is never stored. Rejects if the store fails.
   */
  async accept(request: OrderRequest): Promise<Order | undefined> {
    const stored = Promise.withResolvers<Order>();
    const processed = this.#pool.trySubmit(() => this.#process(stored.promise));
    if (processed === undefined) return undefined;
    // The pool rejects what it gives up when it closes: that order stays `queued` in the store.
    processed.catch(() => undefined);
    this.#store.append(request).then(stored.resolve, stored.reject);
    return stored.promise.catch((error: unknown) => {
      if (isRejected(error)) return undefined;
      throw error;
    });
  }

  /** Milliseconds until a rejected order could be taken: until the backlog is drained, and the gateway may be called. */
  retryAfterMs(): number {
    return Math.max(this.#pool.retryAfterMs(), this.#payments.retryAfterMs());
  }

  /** How things stand with the queue at this moment. */
  stats(): QueueStats {
    const { running, queued, maxQueue } = this.#pool.stats();
    return { running, queued, capacity: maxQueue };
  }

  /** Takes no more orders and works off those it has until `ctx` ends; the rest stays unfinished in the store. */
  async close(ctx?: CallContext): Promise<void> {
    await this.#pool.close(ctx);
    // Given up, but they still have to say so in the store.
    await this.#pool.drain();
  }

  async #process(stored: Promise<Order>): Promise<void> {
    const order = await stored.catch(() => undefined);
    if (order === undefined) return;
    try {
      await this.#pay(order.orderId);
    } catch (error) {
      this.#onError(error, order.orderId);
    }
  }

  async #pay(orderId: string): Promise<void> {
    const ctx = new RequestContext({
      name: 'order',
      timeoutMs: this.#orderTimeoutMs,
      signal: this.#pool.signal,
      clock: this.#clock,
    });
    const order: PayableOrder = {
      claim: () => this.#store.claim(orderId),
      postpone: (reason) => this.#store.postpone(orderId, reason),
    };
    try {
      const outcome = await this.#payments.pay(order, ctx);
      if (outcome !== undefined) await this.#store.complete(orderId, outcome);
    } finally {
      ctx.end();
    }
  }
}
