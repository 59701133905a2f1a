import type { CircuitBreaker } from '@bp/circuit-breaker';
import type { ConcurrencyLimiter } from '@bp/concurrency';
import { type RequestContext, timeout } from '@bp/context';
import { type CallContext, type Clock, compose, type Policy } from '@bp/core';
import { type AttemptResult, Retry, RetryBudget, type RetryDecision } from '@bp/retry';
import { Attempts, wasNotSent } from './attempts.ts';
import type { Order, OrderKey, OrderOutcome } from './order.ts';
import type { OrderStore } from './order-store.ts';
import type { PaymentGateway, PaymentResult } from './payment-gateway.ts';

/** Options of {@link Payments}. */
export interface PaymentsOptions {
  readonly store: OrderStore;
  readonly gateway: PaymentGateway;
  /** Milliseconds for one attempt, waiting for a permit included. */
  readonly timeoutMs: number;
  /** Failed attempts after which an order fails. An attempt that the limiter or the breaker rejects is not counted. */
  readonly maxAttempts: number;
  /** Orders paid at once. */
  readonly maxActive: number;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
}

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
/** The upper bound of @bp/retry. Failures are counted here, and the deadline of the order bounds the waits. */
const MAX_RETRY_ATTEMPTS = 999;

/**
 * Pays orders at a gateway and records the outcome in the store. Each attempt passes a timeout, a concurrency limiter and a
 * circuit breaker. A failed attempt is repeated with the same idempotency key, never earlier than the gateway or the breaker
 * says. All orders together make at most one retry per order, plus `maxActive * maxAttempts` in ten seconds.
 */
export class Payments {
  readonly #options: PaymentsOptions;
  readonly #policy: Policy;
  readonly #budget: RetryBudget;
  readonly #retry: Retry;

  constructor(options: PaymentsOptions) {
    const { timeoutMs, limiter, breaker, maxActive, maxAttempts, clock, random } = options;
    this.#options = options;
    this.#policy = compose(timeout({ name: 'payment-timeout', timeoutMs, clock }), limiter, breaker);
    this.#budget = new RetryBudget({ share: 1, minRetries: maxActive * maxAttempts, clock });
    this.#retry = new Retry({
      name: 'payment-retry',
      maxAttempts: MAX_RETRY_ATTEMPTS,
      backoffMs: FIRST_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      maxRetryAfterMs: Number.MAX_SAFE_INTEGER,
      // Callers bound the pauses: each pays one order at a time.
      maxPauses: Number.MAX_SAFE_INTEGER,
      budget: this.#budget,
      clock,
      random,
    });
  }

  /**
   * Claims an order, pays it and records its final state. An order whose `ctx` is cancelled first stays `retrying`.
   *
   * Rejects with the error of the store if the store fails.
   */
  async pay(key: OrderKey, ctx: RequestContext): Promise<void> {
    const { store } = this.#options;
    const order = await store.claim(key);
    if (order === undefined) return;
    const attempts = new Attempts(order);
    const outcome = await this.#attempt(order, attempts, ctx);
    if (outcome === undefined) await store.postpone(key, attempts.setback);
    else await store.complete(key, outcome);
  }

  /** Milliseconds until the gateway may be called again; 0 while it may. */
  retryAfterMs(): number {
    // An unknown wait adds nothing to that of the backlog.
    return this.#options.breaker.retryAfterMs() ?? 0;
  }

  /** Makes attempts until one decides, or none is left; undefined if `ctx` was cancelled first. */
  async #attempt(order: Order, attempts: Attempts, ctx: RequestContext): Promise<OrderOutcome | undefined> {
    const { store, gateway, maxAttempts } = this.#options;
    let recorded: Promise<void> = Promise.resolve();
    let storeError: unknown;
    const classify = (ended: AttemptResult): RetryDecision | undefined => {
      if (!('error' in ended)) return 'final';
      if (storeError !== undefined || attempts.failures >= maxAttempts) return 'final';
      // An attempt that did not reach the gateway adds nothing to its load.
      if (wasNotSent(ended.error)) this.#budget.refund();
      return undefined;
    };
    const onRetry = (): void => {
      recorded = store.postpone(order, attempts.setback).catch((error: unknown) => {
        storeError = error;
      });
    };
    const attemptOnce = async (outer: CallContext, attempt: number): Promise<PaymentResult> => {
      await recorded;
      if (storeError !== undefined) throw storeError;
      try {
        return await this.#policy.execute((inner) => gateway.charge(order, inner, attempt), outer);
      } catch (error) {
        attempts.failed(error);
        throw error;
      }
    };
    try {
      const result = await this.#retry.execute(attemptOnce, ctx, { classify, onRetry });
      return attempts.outcomeOf(result);
    } catch {
      await recorded;
      if (storeError !== undefined) throw storeError;
      return isCancelled(ctx) ? undefined : attempts.outcome;
    }
  }
}

/** Whether the context was cancelled, as opposed to having run out of time. */
function isCancelled({ doneReason }: RequestContext): boolean {
  return doneReason !== undefined && doneReason.code !== 'DEADLINE_EXCEEDED';
}
