import { isRejected } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import type { Order, OrderKey } from '../../src/orders/order.ts';

const keyOf = (number: number): OrderKey => ({ client: 'id:ann', orderId: `order-${number}` });
const request = (number: number) => ({ ...keyOf(number), amountCents: 10_000 });
const paid = { state: 'paid', paymentId: 'payment-1' } as const;

async function finish(store: MemoryOrderStore, key: OrderKey): Promise<void> {
  await store.claim(key);
  await store.complete(key, paid);
}

const idsOf = (orders: readonly Order[]) => orders.map(({ orderId }) => orderId);

describe('MemoryOrderStore', () => {
  it('stores a new order as queued', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    expect(await store.add(request(1))).toEqual({
      created: true,
      order: { ...request(1), state: 'queued', mayBeCharged: false, paymentKey: expect.any(String) },
    });
  });

  it('keeps only the fields of an order', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const { order } = await store.add({ ...request(1), state: 'paid', extra: 1 } as never);
    expect(order).toMatchObject({ state: 'queued' });
    expect(order).not.toHaveProperty('extra');
  });

  it('creates one order for one client and id, even when it is added twice at once', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const [first, second] = await Promise.all([store.add(request(1)), store.add(request(1))]);
    expect(first.created).toBe(true);
    expect(second).toEqual({ created: false, order: first.order });
    await finish(store, keyOf(1));
    expect(await store.add({ ...request(1), amountCents: 7 })).toMatchObject({
      created: false,
      order: { amountCents: 10_000, state: 'paid' },
    });
    expect(await store.add({ ...request(1), client: 'id:bob' })).toMatchObject({ created: true });
  });

  it('keeps keys apart whose parts run together', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const pairs = [
      { client: 'a', orderId: 'b:c' },
      { client: 'a:b', orderId: 'c' },
      { client: 'a","b', orderId: 'c' },
      { client: 'a', orderId: 'b","c' },
    ];
    for (const pair of pairs) expect((await store.add({ ...pair, amountCents: 1 })).created).toBe(true);
  });

  it('gives an order the same payment key whenever it is added, and every other order another', async () => {
    const keyIn = async (store: MemoryOrderStore, changes: object) =>
      (await store.add({ ...request(1), ...changes })).order.paymentKey;
    const [first, second] = [
      new MemoryOrderStore({ maxOrders: 10 }),
      new MemoryOrderStore({ maxOrders: 10 }),
    ];
    const key = await keyIn(first, {});
    expect(key).toHaveLength(64);
    expect(await keyIn(second, {})).toBe(key);
    expect(await keyIn(first, { client: 'id:bob' })).not.toBe(key);
    expect(await keyIn(first, { orderId: 'order-2' })).not.toBe(key);
    expect(await keyIn(new MemoryOrderStore({ maxOrders: 10 }), { amountCents: 1 })).not.toBe(key);
  });

  it('takes an order from queued over retrying to paid', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    await store.add(request(1));
    expect(await store.claim(keyOf(1))).toMatchObject({ state: 'processing' });
    const setback = { reason: 'payment timed out', mayBeCharged: true };
    await store.postpone(keyOf(1), setback);
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'retrying', ...setback });
    await store.complete(keyOf(1), paid);
    expect(await store.get(keyOf(1))).toMatchObject({ ...request(1), ...paid, reason: undefined });
  });

  it('gives an order to one worker only, and never after its final state', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    await store.add(request(1));
    await store.claim(keyOf(1));
    expect(await store.claim(keyOf(1))).toBeUndefined();
    await store.complete(keyOf(1), paid);
    expect(await store.claim(keyOf(1))).toBeUndefined();
    expect(await store.claim(keyOf(99))).toBeUndefined();
    expect(await store.claim({ ...keyOf(1), client: 'id:bob' })).toBeUndefined();
  });

  it('rejects changes to an order that was not claimed', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    await store.add(request(1));
    await expect(store.complete(keyOf(1), paid)).rejects.toThrow('order-1 is queued, not claimed');
    const setback = { reason: 'why', mayBeCharged: false };
    await expect(store.postpone(keyOf(99), setback)).rejects.toThrow('order-99 is unknown, not claimed');
  });

  it('lists unfinished orders, oldest first', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    for (let i = 1; i <= 4; i++) await store.add(request(i));
    await finish(store, keyOf(2));
    await store.claim(keyOf(1));
    await store.postpone(keyOf(1), { reason: 'later', mayBeCharged: false });
    expect(idsOf(await store.unfinished())).toEqual(['order-1', 'order-3', 'order-4']);
  });

  it('keeps maxOrders orders and evicts the one that was finished first', async () => {
    const store = new MemoryOrderStore({ maxOrders: 3 });
    for (let i = 1; i <= 3; i++) await store.add(request(i));
    await finish(store, keyOf(3));
    await finish(store, keyOf(1));
    await store.add(request(4));
    expect(await store.get(keyOf(3))).toBeUndefined();
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'paid' });
    await store.add(request(5));
    expect(await store.get(keyOf(1))).toBeUndefined();
    expect(idsOf(await store.unfinished())).toEqual(['order-2', 'order-4', 'order-5']);
  });

  it('evicts nothing for an order that it knows', async () => {
    const store = new MemoryOrderStore({ maxOrders: 1 });
    await store.add(request(1));
    await finish(store, keyOf(1));
    expect(await store.add(request(1))).toMatchObject({ created: false });
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'paid' });
  });

  it('never evicts an unfinished order: full of them, it rejects', async () => {
    const store = new MemoryOrderStore({ maxOrders: 2 });
    await store.add(request(1));
    await store.add(request(2));
    await expect(store.add(request(3))).rejects.toSatisfy((error) => isRejected(error, 'QUEUE_FULL'));
    await finish(store, keyOf(2));
    expect(await store.add(request(3))).toMatchObject({ created: true });
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'queued' });
  });
});
