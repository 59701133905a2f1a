/** Identifies an order. Each client names its own orders: two clients may both have an `order-1`. */
export interface OrderKey {
  /** The client that sent the order. */
  readonly client: string;
  /** The client's name for the order. */
  readonly orderId: string;
}

/** An order as a client sends it. */
export interface OrderRequest extends OrderKey {
  /** Price of the whole order in cents (a positive integer). */
  readonly amountCents: number;
}

/**
 * State of an order.
 *
 * - `queued`: accepted; no worker has taken it yet.
 * - `processing`: a worker is paying it.
 * - `retrying`: an attempt to pay it failed; its worker tries again.
 * - `paid`, `failed`: final. A failed order was not charged.
 * - `unresolved`: final here. No attempt got a usable answer, so it may have been charged: compare it with the gateway's books.
 */
export type OrderState = 'queued' | 'processing' | 'retrying' | 'paid' | 'failed' | 'unresolved';

/** An order that the server has accepted. */
export interface Order extends OrderRequest {
  readonly state: OrderState;
  /** Why it is `retrying`, `failed` or `unresolved`. */
  readonly reason?: string | undefined;
  /** The gateway's number of the payment, once `paid`. */
  readonly paymentId?: string | undefined;
  /** Whether an attempt ended without a usable answer: the gateway may have charged the order. */
  readonly mayBeCharged: boolean;
  /** The idempotency key of every attempt to pay this order: the gateway charges once per key. */
  readonly paymentKey: string;
}

/** Recorded when an order needs another attempt. */
export type OrderSetback = Required<Pick<Order, 'reason' | 'mayBeCharged'>>;

/** The final state of an order. */
export type OrderOutcome =
  | { readonly state: 'paid'; readonly paymentId: string }
  | { readonly state: 'failed' | 'unresolved'; readonly reason: string };

/** Thrown when a client sends an order again with another amount. */
export class OrderConflictError extends Error {
  override readonly name = 'OrderConflictError';

  constructor({ orderId }: OrderKey) {
    super(`${orderId} was already sent with another amount`);
  }
}
