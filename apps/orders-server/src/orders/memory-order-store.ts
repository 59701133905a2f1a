import { randomUUID } from 'node:crypto';
import { RejectedError } from '@bp/core';
import type { Order, OrderOutcome, OrderRequest, OrderState } from './order.ts';
import type { OrderStore } from './order-store.ts';

/** What a {@link MemoryOrderStore} may be told. */
export interface MemoryOrderStoreOptions {
  /** How many orders are kept. At the bound the order that has been finished longest is forgotten; an unfinished one never. */
  readonly maxOrders: number;
}

/** Orders in the memory of this process: fast, bounded, and gone when the process is. */
export class MemoryOrderStore implements OrderStore {
  readonly #maxOrders: number;
  readonly #unfinished = new Map<string, Order>();
  readonly #finished = new Map<string, Order>();
  #appended = 0;

  constructor({ maxOrders }: MemoryOrderStoreOptions) {
    this.#maxOrders = maxOrders;
  }

  async append({ item, quantity, amount }: OrderRequest): Promise<Order> {
    this.#makeRoom();
    const orderId = `order-${++this.#appended}`;
    const order: Order = { orderId, state: 'queued', item, quantity, amount, paymentKey: randomUUID() };
    this.#unfinished.set(orderId, order);
    return order;
  }

  async claim(orderId: string): Promise<Order | undefined> {
    const order = this.#unfinished.get(orderId);
    if (order === undefined || order.state === 'processing') return undefined;
    return this.#put({ ...order, state: 'processing', reason: undefined });
  }

  async postpone(orderId: string, reason: string): Promise<void> {
    this.#put({ ...this.#processing(orderId), state: 'retrying', reason });
  }

  async complete(orderId: string, outcome: OrderOutcome): Promise<void> {
    const order = this.#processing(orderId);
    this.#unfinished.delete(orderId);
    this.#finished.set(orderId, { ...order, ...outcome });
  }

  async get(orderId: string): Promise<Order | undefined> {
    return this.#unfinished.get(orderId) ?? this.#finished.get(orderId);
  }

  async unfinished(): Promise<readonly Order[]> {
    return [...this.#unfinished.values()];
  }

  #put(order: Order): Order {
    this.#unfinished.set(order.orderId, order);
    return order;
  }

  #processing(orderId: string): Order {
    const order = this.#unfinished.get(orderId);
    const expected: OrderState = 'processing';
    if (order?.state !== expected)
      throw new Error(`${orderId} is ${order?.state ?? 'unknown'}, not ${expected}`);
    return order;
  }

  #makeRoom(): void {
    if (this.#unfinished.size + this.#finished.size < this.#maxOrders) return;
    const [oldest] = this.#finished.keys();
    if (oldest === undefined) throw new RejectedError('QUEUE_FULL', 'order-store');
    this.#finished.delete(oldest);
  }
}
