/** What a client asks for. */
export interface OrderRequest {
  /** What is bought, as the catalogue names it. */
  readonly item: string;
  /** How many of it. */
  readonly quantity: number;
  /** What the whole order costs, in cents. */
  readonly amount: number;
}

/**
 * Where an order stands.
 *
 * - `queued`: accepted, no worker has taken it yet.
 * - `processing`: a worker is getting it paid.
 * - `retrying`: it could not be paid yet; its worker tries again.
 * - `paid`, `failed`: final.
 */
export type OrderState = 'queued' | 'processing' | 'retrying' | 'paid' | 'failed';

/** An order the server has accepted. */
export interface Order extends OrderRequest {
  readonly orderId: string;
  readonly state: OrderState;
  /** Why it is `retrying` or has `failed`. */
  readonly reason?: string | undefined;
  /** The gateway's number for the payment, once `paid`. */
  readonly paymentId?: string | undefined;
  /** Sent with every payment of this order, so that the gateway charges once however often it is asked. */
  readonly paymentKey: string;
}

/** How the attempt to get an order paid ended. */
export type OrderOutcome =
  | { readonly state: 'paid'; readonly paymentId: string }
  | { readonly state: 'failed'; readonly reason: string };
