import { contextHeaders } from '@bp/context';
import { type CallContext, type Clock, systemClock } from '@bp/core';
import { parseRetryAfter } from '@bp/retry';
import { Pool } from 'undici';
import type { Order } from './order.ts';
import { PaymentError, type PaymentGateway, type PaymentResult } from './payment-gateway.ts';

/** Options of {@link HttpPaymentGateway}. */
export interface HttpPaymentGatewayOptions {
  /** Origin of the gateway. */
  readonly url: string;
  /** Connections to the gateway, and so payments in flight at once. */
  readonly connections: number;
  /** Milliseconds for connecting, for the head and between parts of an answer; a backstop behind the deadline of the call. */
  readonly timeoutMs: number;
  /** The clock of the deadlines. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

/** Largest answer that is read. */
const MAX_ANSWER_BYTES = 65_536;

/** Longest paymentId that is accepted: it is kept with the order. */
const MAX_PAYMENT_ID_LENGTH = 200;

/** The order was declined: the gateway's decision for this idempotency key. */
const DECLINED = 402;
/** The gateway has not processed the request. 500 is in the contract with the gateway; 408, 429 and 503 mean it in HTTP. */
const NOT_PROCESSED: ReadonlySet<number> = new Set([408, 429, 500, 503]);
/** Another attempt with this key is being processed. */
const IN_PROGRESS: ReadonlySet<number> = new Set([409, 425]);
/** Errors of undici and of Node before any byte of the request was sent. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** A payment gateway over HTTP: `POST /payments` with `Idempotency-Key`, remaining time and attempt number. */
export class HttpPaymentGateway implements PaymentGateway {
  readonly #http: Pool;
  readonly #clock: Clock;

  constructor({ url, connections, timeoutMs, clock = systemClock }: HttpPaymentGatewayOptions) {
    this.#clock = clock;
    this.#http = new Pool(url, {
      connections,
      connect: { timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  async charge(order: Order, ctx: CallContext, attempt: number): Promise<PaymentResult> {
    const { statusCode, headers, body } = await this.#send(order, ctx, attempt);
    if (statusCode >= 200 && statusCode < 300)
      return { state: 'paid', paymentId: paymentIdOf(await body.json()) };

    await body.dump();
    const reason = `payment rejected with ${statusCode}`;
    if (statusCode === DECLINED) return { state: 'declined', reason };
    const notProcessed = NOT_PROCESSED.has(statusCode);
    const isRejected = statusCode >= 400 && statusCode < 500;
    if (isRejected && !notProcessed && !IN_PROGRESS.has(statusCode)) return { state: 'rejected', reason };
    throw new PaymentError(`the payment gateway answered ${statusCode}`, {
      mayBeCharged: !notProcessed,
      retryAfterMs: retryAfterMsOf(headers['retry-after']),
    });
  }

  async close(): Promise<void> {
    await this.#http.destroy();
  }

  async #send({ orderId, amountCents, paymentKey }: Order, ctx: CallContext, attempt: number) {
    try {
      return await this.#http.request({
        method: 'POST',
        path: '/payments',
        headers: {
          ...this.#contextHeaders(ctx, attempt),
          'content-type': 'application/json',
          'idempotency-key': paymentKey,
        },
        body: JSON.stringify({ orderId, amount: amountCents }),
        signal: ctx.signal ?? null,
      });
    } catch (error) {
      if (!NOT_SENT.has((error as { code?: unknown }).code)) throw error;
      const message = 'the payment gateway cannot be reached';
      throw new PaymentError(message, { mayBeCharged: false, cause: error });
    }
  }

  #contextHeaders({ deadline = Number.POSITIVE_INFINITY, priority = 0 }: CallContext, attempt: number) {
    return contextHeaders({ priority, remainingMs: () => deadline - this.#clock.now() }, { attempt });
  }
}

function retryAfterMsOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' ? parseRetryAfter(header) : undefined;
}

function paymentIdOf(answer: unknown): string {
  const { paymentId } = (answer ?? {}) as { paymentId?: unknown };
  if (typeof paymentId !== 'string' || paymentId === '' || paymentId.length > MAX_PAYMENT_ID_LENGTH)
    throw new PaymentError('the payment gateway answered without a valid paymentId', { mayBeCharged: true });
  return paymentId;
}
