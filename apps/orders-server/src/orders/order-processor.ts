import { type AdmissionOptions, type Clock, isRejected, type Unsubscribe } from '@bp/core';
import { WorkerPool } from '@bp/worker-pool';
import type { Order, OrderOutcome, OrderRequest } from './order.ts';
import type { OrderStore } from './order-store.ts';

/** Where orders are paid; {@link PaymentClient} is one. */
export interface Payments {
  /** Resolves with what the gateway decided; rejects if it could not be asked or failed. */
  pay(order: Order, ctx: AdmissionOptions): Promise<OrderOutcome>;
  /** Milliseconds until the gateway may be called again; 0 while it may. */
  retryAfterMs(): number;
  /** Calls `listener` whenever the gateway may be called again after it could not be. */
  onRecovered(listener: () => void): Unsubscribe;
}

/** What an {@link OrderProcessor} needs. */
export interface OrderProcessorOptions {
  readonly store: OrderStore;
  readonly payments: Payments;
  /** Orders processed at once. */
  readonly workers: number;
  /** Accepted orders that may wait for a worker. */
  readonly queueCapacity: number;
  /** Failed payments after which an order fails. A refusal to call the gateway at all is not one. */
  readonly maxAttempts: number;
  /** Milliseconds a worker tries to get one order paid before the order fails. */
  readonly orderTimeoutMs: number;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  /** Told of what must not happen: a store that fails. */
  readonly onError: (error: unknown, orderId: string) => void;
}

/** How things stand with the queue at this moment. */
export interface QueueStats {
  readonly running: number;
  readonly queued: number;
  readonly capacity: number;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Takes orders as long as a worker or a place in the queue is free, and gets each of them paid. An order whose payment
 * fails keeps its worker, which pauses and tries again: while the gateway is away the queue fills and newcomers are
 * refused, instead of orders piling up somewhere else.
 */
export class OrderProcessor {
  readonly #store: OrderStore;
  readonly #payments: Payments;
  readonly #pool: WorkerPool;
  readonly #maxAttempts: number;
  readonly #orderTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onError: (error: unknown, orderId: string) => void;
  readonly #pausing = new Set<() => void>();

  constructor(options: OrderProcessorOptions) {
    this.#store = options.store;
    this.#payments = options.payments;
    this.#maxAttempts = options.maxAttempts;
    this.#orderTimeoutMs = options.orderTimeoutMs;
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    this.#onError = options.onError;
    const { workers, queueCapacity: maxQueue, clock } = options;
    this.#pool = new WorkerPool({ name: 'orders', workers, maxQueue, clock });
    this.#pool.signal.addEventListener('abort', this.#wakeAll, { once: true });
    this.#payments.onRecovered(this.#wakeAll);
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

  /** Milliseconds until a refused order could be taken: until the backlog is drained, and the gateway may be called. */
  retryAfterMs(): number {
    return Math.max(this.#pool.retryAfterMs(), this.#payments.retryAfterMs());
  }

  /** How things stand with the queue at this moment. */
  stats(): QueueStats {
    const { running, queued, maxQueue } = this.#pool.stats();
    return { running, queued, capacity: maxQueue };
  }

  /** Calls `listener` with true when the queue is full, with false when half of it is free again. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#pool.onSaturation(listener);
  }

  /** Takes no more orders and works off those it has until `ctx` ends; the rest stays unfinished in the store. */
  async close(ctx?: AdmissionOptions): Promise<void> {
    await this.#pool.close(ctx);
    // Given up, but they still have to say so in the store.
    await this.#pool.drain();
  }

  async #process(stored: Promise<Order>): Promise<void> {
    const order = await stored.catch(() => undefined);
    if (order === undefined) return;
    try {
      await this.#payUntilFinal(order.orderId);
    } catch (error) {
      this.#onError(error, order.orderId);
    }
  }

  async #payUntilFinal(orderId: string): Promise<void> {
    const { signal } = this.#pool;
    const deadline = this.#clock.now() + this.#orderTimeoutMs;
    let failures = 0;
    for (let tries = 1; !signal.aborted; tries++) {
      const order = await this.#store.claim(orderId);
      if (order === undefined) return;

      const attempt = await this.#attempt(order, { deadline, signal });
      if (attempt.outcome !== undefined) return this.#store.complete(orderId, attempt.outcome);
      if (attempt.failed) failures++;

      const pauseMs = Math.max(attempt.retryAfterMs, this.#backoffMs(tries));
      const tooLate = this.#clock.now() + pauseMs >= deadline;
      if ((failures >= this.#maxAttempts || tooLate) && !signal.aborted) {
        return this.#store.complete(orderId, { state: 'failed', reason: attempt.reason });
      }
      await this.#store.postpone(orderId, attempt.reason);
      if (!signal.aborted) await this.#pause(pauseMs);
    }
  }

  async #attempt(order: Order, ctx: AdmissionOptions): Promise<Attempt> {
    try {
      return { outcome: await this.#payments.pay(order, ctx) };
    } catch (error) {
      if (!isRejected(error)) return { failed: true, retryAfterMs: 0, reason: 'payment gateway failed' };
      const { code, workBegan, retryAfterMs = 0 } = error;
      const timedOut = workBegan && code === 'DEADLINE_EXCEEDED';
      return {
        failed: timedOut,
        retryAfterMs,
        reason: timedOut ? 'payment timed out' : 'payment gateway not available',
      };
    }
  }

  // Half of it is chance: workers that failed together do not come back together, yet none comes back at once.
  #backoffMs(tries: number): number {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
    return longest * (0.5 + 0.5 * this.#random());
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#pausing.delete(wake);
        resolve();
      };
      const timer = this.#clock.setTimer(wake, ms);
      this.#pausing.add(wake);
    });
  }

  readonly #wakeAll = (): void => {
    for (const wake of [...this.#pausing]) wake();
  };
}

/** What one call of the gateway came to: an outcome, or a reason to try again. */
type Attempt =
  | { readonly outcome: OrderOutcome }
  | {
      readonly outcome?: undefined;
      readonly failed: boolean;
      readonly retryAfterMs: number;
      readonly reason: string;
    };
