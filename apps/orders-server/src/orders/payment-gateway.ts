import type { RequestContext } from '@bp/context';
import type { Order, OrderOutcome } from './order.ts';

/** Where payments are made, with nothing around it. */
export interface PaymentGateway {
  /**
   * Charges an order, once however often it is asked with the same `paymentKey`. Resolves with what was decided; rejects
   * if nothing was, as when the gateway fails or `ctx` ends first; the error has a `retryAfterMs` if the gateway gave one.
   *
   * @param attempt - which try of this order it is, from 1.
   */
  charge(order: Order, ctx: RequestContext, attempt: number): Promise<OrderOutcome>;
  /** Gives up what is under way and lets go of connections. */
  close(): Promise<void>;
}
