import { contextHeaders, type RequestContext } from '@bp/context';
import { parseRetryAfter } from '@bp/retry';
import { Pool } from 'undici';
import type { Order, OrderOutcome } from './order.ts';
import type { PaymentGateway } from './payment-gateway.ts';

/** What an {@link HttpPaymentGateway} needs. */
export interface HttpPaymentGatewayOptions {
  /** Origin of the gateway. */
  readonly url: string;
  /** Connections kept to it: no more payments than these are under way at once. */
  readonly connections: number;
  /** Milliseconds for connecting, for the head and between parts of an answer: a net below the deadline of the call. */
  readonly timeoutMs: number;
}

/** Largest answer that is read. */
const MAX_ANSWER_BYTES = 65_536;

/** What a gateway answered that decides nothing. */
class GatewayError extends Error {
  /** Milliseconds after which it wants to be asked again, if it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(statusCode: number, retryAfter: string | string[] | undefined) {
    super(`the payment gateway answered ${statusCode}`);
    this.retryAfterMs = typeof retryAfter === 'string' ? parseRetryAfter(retryAfter) : undefined;
  }
}

/** A payment gateway over HTTP: `POST /payments` with an `Idempotency-Key`, the time left and the number of the try. */
export class HttpPaymentGateway implements PaymentGateway {
  readonly #http: Pool;

  constructor({ url, connections, timeoutMs }: HttpPaymentGatewayOptions) {
    this.#http = new Pool(url, {
      connections,
      connect: { timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  async charge(
    { orderId, amount, paymentKey }: Order,
    ctx: RequestContext,
    attempt: number,
  ): Promise<OrderOutcome> {
    const { statusCode, headers, body } = await this.#http.request({
      method: 'POST',
      path: '/payments',
      headers: {
        ...contextHeaders(ctx, { attempt }),
        'content-type': 'application/json',
        'idempotency-key': paymentKey,
      },
      body: JSON.stringify({ orderId, amount }),
      signal: ctx.signal,
    });
    if (statusCode === 200) return { state: 'paid', paymentId: paymentIdOf(await body.json()) };

    await body.dump();
    const rejected = statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
    if (rejected) return { state: 'failed', reason: `payment rejected with ${statusCode}` };
    throw new GatewayError(statusCode, headers['retry-after']);
  }

  async close(): Promise<void> {
    await this.#http.destroy();
  }
}

function paymentIdOf(answer: unknown): string {
  const { paymentId } = (answer ?? {}) as { paymentId?: unknown };
  if (typeof paymentId !== 'string') throw new Error('the payment gateway answered without a paymentId');
  return paymentId;
}
