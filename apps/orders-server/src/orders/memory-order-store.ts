import { createHash } from 'node:crypto';
import { RejectedError } from '@bp/core';
import type { Order, OrderKey, OrderOutcome, OrderRequest, OrderSetback } from './order.ts';
import type { AddedOrder, OrderStore } from './order-store.ts';

/** Options of {@link MemoryOrderStore}. */
export interface MemoryOrderStoreOptions {
  /** Orders kept. At the bound, the order that was finished first is evicted; an unfinished order never is. */
  readonly maxOrders: number;
}

/** Keeps orders in the memory of this process: bounded, and lost with the process. */
export class MemoryOrderStore implements OrderStore {
  readonly #maxOrders: number;
  readonly #unfinished = new Map<string, Order>();
  readonly #finished = new Map<string, Order>();

  constructor({ maxOrders }: MemoryOrderStoreOptions) {
    this.#maxOrders = maxOrders;
  }

  async add({ client, orderId, amountCents }: OrderRequest): Promise<AddedOrder> {
    const key = { client, orderId };
    const known = this.#find(key);
    if (known !== undefined) return { order: known, created: false };
    this.#evict();
    const paymentKey = paymentKeyOf({ client, orderId, amountCents });
    return {
      order: this.#put({ ...key, amountCents, state: 'queued', mayBeCharged: false, paymentKey }),
      created: true,
    };
  }

  async claim(key: OrderKey): Promise<Order | undefined> {
    const order = this.#unfinished.get(nameOf(key));
    if (order === undefined || order.state === 'processing') return undefined;
    return this.#put({ ...order, state: 'processing' });
  }

  async postpone(key: OrderKey, { reason, mayBeCharged }: OrderSetback): Promise<void> {
    this.#put({ ...this.#claimed(key), state: 'retrying', reason, mayBeCharged });
  }

  async complete(key: OrderKey, outcome: OrderOutcome): Promise<void> {
    const order = this.#claimed(key);
    const name = nameOf(key);
    this.#unfinished.delete(name);
    this.#finished.set(name, { ...order, reason: undefined, ...outcome });
  }

  async get(key: OrderKey): Promise<Order | undefined> {
    return this.#find(key);
  }

  async unfinished(): Promise<readonly Order[]> {
    return [...this.#unfinished.values()];
  }

  #find(key: OrderKey): Order | undefined {
    const name = nameOf(key);
    return this.#unfinished.get(name) ?? this.#finished.get(name);
  }

  #put(order: Order): Order {
    this.#unfinished.set(nameOf(order), order);
    return order;
  }

  #claimed(key: OrderKey): Order {
    const order = this.#unfinished.get(nameOf(key));
    if (order === undefined || order.state === 'queued')
      throw new Error(`${key.orderId} is ${order?.state ?? 'unknown'}, not claimed`);
    return order;
  }

  #evict(): void {
    if (this.#unfinished.size + this.#finished.size < this.#maxOrders) return;
    const [oldest] = this.#finished.keys();
    if (oldest === undefined) throw new RejectedError('QUEUE_FULL', 'order-store');
    this.#finished.delete(oldest);
  }
}

/** One string for both parts; JSON keeps `a` + `bc` apart from `ab` + `c`. */
function nameOf({ client, orderId }: OrderKey): string {
  return JSON.stringify([client, orderId]);
}

/**
 * Derived from the order instead of drawn at random: an order that is sent again after it was evicted, or after a restart, has
 * the same key and is charged once.
 */
function paymentKeyOf({ client, orderId, amountCents }: OrderRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([client, orderId, amountCents]))
    .digest('hex');
}
