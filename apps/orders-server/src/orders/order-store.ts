import type { Order, OrderOutcome, OrderRequest } from './order.ts';

/**
 * Where orders live between being accepted and being finished. Every method is asynchronous and every change is one
 * step, so that a store on disk fits as well as one in memory: when a promise resolves, the change is as durable as the
 * store makes anything. A store that survives a restart gives orders that were `processing` back as `retrying`.
 */
export interface OrderStore {
  /** Takes a new order as `queued` and numbers it. @throws RejectedError `QUEUE_FULL` if there is no room for it. */
  append(request: OrderRequest): Promise<Order>;

  /** Makes a `queued` or `retrying` order `processing`; undefined if there is none, as when another has claimed it. */
  claim(orderId: string): Promise<Order | undefined>;

  /** Makes a `processing` order `retrying`, because of `reason`. */
  postpone(orderId: string, reason: string): Promise<void>;

  /** Finishes a `processing` order. */
  complete(orderId: string, outcome: OrderOutcome): Promise<void>;

  /** The order with this number; undefined if it never was or has been forgotten. */
  get(orderId: string): Promise<Order | undefined>;

  /** The orders that are not final, oldest first: what a stop leaves behind and a start takes up again. */
  unfinished(): Promise<readonly Order[]>;
}
