import type { CircuitBreaker } from '@bp/circuit-breaker';
import type { ConcurrencyLimiter } from '@bp/concurrency';
import { type RequestContext, timeout } from '@bp/context';
import { type Clock, compose, type Policy } from '@bp/core';
import { Retry, RetryBudget } from '@bp/retry';
import type { OrderOutcome } from './order.ts';
import type { Payments } from './order-processor.ts';
import { type PayableOrder, Payment } from './payment.ts';
import type { PaymentGateway } from './payment-gateway.ts';

/** What a {@link PaymentClient} needs. */
export interface PaymentClientOptions {
  readonly gateway: PaymentGateway;
  /** Milliseconds one try may take, waiting for a permit included. */
  readonly timeoutMs: number;
  /** Failed tries after which an order fails. A rejection to call the gateway at all is not one. */
  readonly maxAttempts: number;
  /** Orders that are paid at once. */
  readonly payers: number;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** The most that @bp/retry makes: failures are counted by the payment, waits bounded by the time of the order. */
const MOST_TRIES = 999;

/**
 * Gets orders paid at a gateway: each try within a deadline, some at a time, and not at all while the gateway is known to
 * fail; again after a failure, never earlier than the gateway or the breaker has said. All orders together retry at most once
 * for each order, and `payers * maxAttempts` more in ten seconds: a gateway in trouble is not given more to do.
 */
export class PaymentClient implements Payments {
  readonly #options: PaymentClientOptions;
  readonly #policy: Policy;
  readonly #budget: RetryBudget;

  constructor(options: PaymentClientOptions) {
    const { timeoutMs, limiter, breaker, payers, maxAttempts, clock } = options;
    this.#options = options;
    // The breaker stands innermost: it judges only calls that were really made.
    this.#policy = compose(timeout({ timeoutMs, clock }), limiter, breaker);
    const minRetries = payers * maxAttempts;
    this.#budget = new RetryBudget({ share: 1, minRetries, clock });
  }

  async pay(order: PayableOrder, ctx: RequestContext): Promise<OrderOutcome | undefined> {
    const { gateway, maxAttempts, clock, random } = this.#options;
    const payment = new Payment(order, maxAttempts, this.#budget);
    const retry = new Retry({
      name: 'payments',
      maxAttempts: MOST_TRIES,
      backoffMs: FIRST_PAUSE_MS,
      maxBackoffMs: LONGEST_PAUSE_MS,
      maxRetryAfterMs: Number.MAX_SAFE_INTEGER,
      budget: this.#budget,
      classify: payment.classify,
      clock,
      random,
    });
    retry.onRetry(payment.onRetry);
    try {
      return await retry.execute(async (given, attempt) => {
        const claimed = await payment.claim();
        return claimed && this.#policy.execute((inner) => gateway.charge(claimed, inner, attempt), given);
      }, ctx);
    } catch (error) {
      return await payment.end(error, isGivenUp(ctx));
    }
  }

  retryAfterMs(): number {
    return this.#options.breaker.retryAfterMs();
  }
}

/** Whether it was cancelled, rather than ran out of time. */
function isGivenUp({ doneReason }: RequestContext): boolean {
  return doneReason !== undefined && doneReason.code !== 'DEADLINE_EXCEEDED';
}
