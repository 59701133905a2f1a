import type { AdmissionOptions } from '@bp/core';
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

/** A payment gateway over HTTP: `POST /payments` with an `Idempotency-Key`. */
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

  async charge({ orderId, amount, paymentKey }: Order, ctx: AdmissionOptions): Promise<OrderOutcome> {
    const { statusCode, body } = await this.#http.request({
      method: 'POST',
      path: '/payments',
      headers: { 'content-type': 'application/json', 'idempotency-key': paymentKey },
      body: JSON.stringify({ orderId, amount }),
      signal: ctx.signal ?? null,
    });
    if (statusCode === 200) return { state: 'paid', paymentId: paymentIdOf(await body.json()) };

    await body.dump();
    const refused = statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
    if (refused) return { state: 'failed', reason: `payment refused with ${statusCode}` };
    throw new Error(`the payment gateway answered ${statusCode}`);
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
