import type { Order, OrderKey, OrderOutcome, OrderRequest, OrderSetback } from './order.ts';

/** The result of {@link OrderStore.add}. */
export interface AddedOrder {
  readonly order: Order;
  /** False if the client had sent this order before: `order` is then the earlier one. */
  readonly created: boolean;
}

/**
 * Keeps orders from acceptance to their final state. Every change is one asynchronous step, so that a store on disk fits
 * as well as one in memory: when the promise resolves, the change is as durable as the store makes anything.
 */
export interface OrderStore {
  /**
   * Stores a new order as `queued`, or returns the order with the same key. Two calls with one key create one order.
   *
   * Rejects with a `RejectedError` of code `QUEUE_FULL` when the store has no room.
   */
  add(request: OrderRequest): Promise<AddedOrder>;

  /** Makes a `queued` or `retrying` order `processing`; undefined if there is none. */
  claim(key: OrderKey): Promise<Order | undefined>;

  /** Makes an order that was claimed `retrying`. */
  postpone(key: OrderKey, setback: OrderSetback): Promise<void>;

  /** Gives an order that was claimed its final state. */
  complete(key: OrderKey, outcome: OrderOutcome): Promise<void>;

  /** Returns an order; undefined if it never existed or was evicted. */
  get(key: OrderKey): Promise<Order | undefined>;

  /** Returns the orders without a final state, oldest first. */
  unfinished(): Promise<readonly Order[]>;
}
