import { isRejected } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';

const request = { item: 'book-1', quantity: 1, amount: 100 };
const paid = { state: 'paid', paymentId: 'payment-1' } as const;

async function finish(store: MemoryOrderStore, orderId: string): Promise<void> {
  await store.claim(orderId);
  await store.complete(orderId, paid);
}

describe('MemoryOrderStore', () => {
  it('numbers orders from 1 and gives each a payment key of its own', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const first = await store.append(request);
    const second = await store.append(request);
    expect(first).toMatchObject({ ...request, orderId: 'order-1', state: 'queued' });
    expect(second.orderId).toBe('order-2');
    expect(second.paymentKey).not.toBe(first.paymentKey);
  });

  it('keeps only the fields of an order', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const order = await store.append({ ...request, state: 'paid', orderId: 'mine' } as typeof request);
    expect(order).toMatchObject({ orderId: 'order-1', state: 'queued' });
  });

  it('walks an order from queued over retrying to paid', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const { orderId } = await store.append(request);
    expect(await store.claim(orderId)).toMatchObject({ state: 'processing' });
    await store.postpone(orderId, 'gateway away');
    expect(await store.get(orderId)).toMatchObject({ state: 'retrying', reason: 'gateway away' });
    expect(await store.claim(orderId)).toMatchObject({ state: 'processing', reason: undefined });
    await store.complete(orderId, paid);
    expect(await store.get(orderId)).toMatchObject({ ...request, ...paid });
  });

  it('gives an order to one claimant only, and never again once it is final', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const { orderId } = await store.append(request);
    await store.claim(orderId);
    expect(await store.claim(orderId)).toBeUndefined();
    await store.complete(orderId, paid);
    expect(await store.claim(orderId)).toBeUndefined();
    expect(await store.claim('order-99')).toBeUndefined();
  });

  it('rejects to finish or postpone what nobody has claimed', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const { orderId } = await store.append(request);
    await expect(store.complete(orderId, paid)).rejects.toThrow('order-1 is queued, not processing');
    await expect(store.postpone('order-99', 'why')).rejects.toThrow('order-99 is unknown, not processing');
  });

  it('lists what is not final, oldest first, whatever was touched last', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    for (let i = 0; i < 4; i++) await store.append(request);
    await finish(store, 'order-2');
    await store.claim('order-1');
    await store.postpone('order-1', 'later');
    expect((await store.unfinished()).map(({ orderId }) => orderId)).toEqual([
      'order-1',
      'order-3',
      'order-4',
    ]);
  });

  it('forgets the order that was finished first when it is full', async () => {
    const store = new MemoryOrderStore({ maxOrders: 3 });
    for (let i = 0; i < 3; i++) await store.append(request);
    await finish(store, 'order-3');
    await finish(store, 'order-1');
    await store.append(request);
    expect(await store.get('order-3')).toBeUndefined();
    expect(await store.get('order-1')).toMatchObject({ state: 'paid' });
    await store.append(request);
    expect(await store.get('order-1')).toBeUndefined();
  });

  it('never forgets an unfinished order: full of them, it rejects', async () => {
    const store = new MemoryOrderStore({ maxOrders: 2 });
    await store.append(request);
    await store.append(request);
    await expect(store.append(request)).rejects.toSatisfy((error) => isRejected(error, 'QUEUE_FULL'));
    await finish(store, 'order-2');
    expect(await store.append(request)).toMatchObject({ orderId: 'order-3' });
    expect(await store.get('order-1')).toMatchObject({ state: 'queued' });
  });
});
