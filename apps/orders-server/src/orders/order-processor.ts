import { RequestContext } from '@bp/context';
import { type Clock, type DrainOptions, RejectedError } from '@bp/core';
import { WorkerPool } from '@bp/worker-pool';
import { type Order, OrderConflictError, type OrderRequest } from './order.ts';
import type { AddedOrder, OrderStore } from './order-store.ts';
import type { Payments } from './payments.ts';

/** Options of {@link OrderProcessor}. */
export interface OrderProcessorOptions {
  readonly store: OrderStore;
  readonly payments: Pick<Payments, 'pay' | 'retryAfterMs'>;
  /** Orders processed at once. */
  readonly workers: number;
  /** Accepted orders that may wait for a worker. */
  readonly queueCapacity: number;
  /** Milliseconds for paying one order, all attempts and waits included. */
  readonly orderTimeoutMs: number;
  readonly clock: Clock;
  /** Called when an order could not be processed because the store failed. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** A snapshot of the queue. */
export interface QueueStats {
  readonly active: number;
  readonly queued: number;
  readonly capacity: number;
}

/**
 * Accepts orders while a worker or a place in the queue is free, and pays them. An order whose payment fails keeps its
 * worker until it is retried: during an outage of the gateway the queue fills and new orders are rejected.
 */
export class OrderProcessor {
  readonly #store: OrderStore;
  readonly #payments: Pick<Payments, 'pay' | 'retryAfterMs'>;
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
    this.#pool = new WorkerPool({ name: 'order-queue', workers, maxQueue, clock });
  }

  /**
   * Stores an order and queues it, or returns the order that the client sent before under the same id: an order is queued once.
   * An order that finds no place in the queue is not stored.
   *
   * Rejects with a `RejectedError` when queue or store are full or the server shuts down, with an {@link OrderConflictError}
   * when the amount differs from the earlier one, and with the error of the store if the store fails.
   */
  async accept(request: OrderRequest): Promise<Order> {
    const known = await this.#store.get(request);
    const order = known ?? (await this.#enqueue(request));
    if (order.amountCents !== request.amountCents) throw new OrderConflictError(request);
    return order;
  }

  /** Returns the rejection that a new order would get now; undefined if there is a place for it. */
  check(): RejectedError | undefined {
    const rejection = this.#pool.check();
    if (rejection?.code !== 'QUEUE_FULL') return rejection;
    // While the breaker is open no order is paid, so the queue does not drain.
    const outageMs = this.#payments.retryAfterMs();
    const { code, rejectedBy, retryAfterMs = outageMs } = rejection;
    if (outageMs === 0) return rejection;
    return new RejectedError(code, rejectedBy, { retryAfterMs: Math.max(retryAfterMs, outageMs) });
  }

  /** Returns a snapshot of the queue. */
  stats(): QueueStats {
    const { active, queued, maxQueue } = this.#pool.stats();
    return { active, queued, capacity: maxQueue };
  }

  /** Accepts no more orders and finishes the accepted ones within the time given; the rest stays unfinished in the store. */
  async close(options?: DrainOptions): Promise<void> {
    await this.#pool.close(options);
    // Cancelled orders have yet to be recorded in the store.
    await this.#pool.drain();
  }

  /** Takes a place in the queue first and then stores the order: an order that cannot be queued is not stored. */
  async #enqueue(request: OrderRequest): Promise<Order> {
    const rejection = this.check();
    if (rejection !== undefined) throw rejection;
    const place = new AbortController();
    const added = Promise.withResolvers<AddedOrder>();
    added.promise.catch(() => undefined);
    const processed = this.#pool.submit(() => this.#process(added.promise), { signal: place.signal });
    // When the pool closes it rejects jobs that have not started: such an order stays `queued` in the store.
    processed.catch(() => undefined);
    try {
      const stored = await this.#store.add(request);
      added.resolve(stored);
      // The client sent the order twice at once: it has a place already.
      if (!stored.created) place.abort();
      return stored.order;
    } catch (error) {
      added.reject(error);
      place.abort();
      throw error;
    }
  }

  async #process(added: Promise<AddedOrder>): Promise<void> {
    const { order, created } = await added.catch(() => ({ order: undefined, created: false }));
    if (order === undefined || !created) return;
    const ctx = new RequestContext({
      name: 'order',
      timeoutMs: this.#orderTimeoutMs,
      signal: this.#pool.signal,
      clock: this.#clock,
    });
    try {
      await this.#payments.pay(order, ctx);
    } catch (error) {
      this.#onError(error, order.orderId);
    } finally {
      ctx.end();
    }
  }
}
