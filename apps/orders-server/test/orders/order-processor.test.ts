import type { RequestContext } from '@bp/context';
import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import { OrderConflictError, type OrderKey } from '../../src/orders/order.ts';
import { OrderProcessor, type OrderProcessorOptions } from '../../src/orders/order-processor.ts';

const keyOf = (number: number): OrderKey => ({ client: 'id:ann', orderId: `order-${number}` });
const request = (number: number) => ({ ...keyOf(number), amountCents: 10_000 });

function build(overrides: Partial<OrderProcessorOptions> = {}) {
  const clock = new VirtualClock();
  const store = new MemoryOrderStore({ maxOrders: 100 });
  const payments = {
    paid: [] as string[],
    deadlines: [] as (number | undefined)[],
    retryMs: 0,
    /** Pays until the test replaces it. */
    async pay(key: OrderKey, ctx: RequestContext): Promise<void> {
      payments.paid.push(key.orderId);
      payments.deadlines.push(ctx.deadline);
      await store.claim(key);
      await store.complete(key, { state: 'paid', paymentId: 'payment-1' });
    },
    retryAfterMs: () => payments.retryMs,
  };
  /** Pays nothing until the context ends. */
  const hang = async (key: OrderKey, ctx: RequestContext): Promise<void> => {
    await store.claim(key);
    await new Promise<void>((resolve) => void ctx.onDone(() => resolve()));
    await store.postpone(key, { reason: 'payment interrupted', mayBeCharged: true });
  };
  const errors: unknown[] = [];
  const processor = new OrderProcessor({
    store,
    payments,
    workers: 2,
    queueCapacity: 3,
    orderTimeoutMs: 120_000,
    clock,
    onError: (error) => errors.push(error),
    ...overrides,
  });
  onTestFinished(async () => {
    const closed = processor.close({ withinMs: 0 });
    await clock.advance(0);
    await closed;
    expect(clock.pendingTimers, 'timers left behind').toBe(0);
  });
  return { clock, store, payments, hang, processor, errors };
}

describe('OrderProcessor', () => {
  it('pays an order within its time', async () => {
    const { clock, store, payments, processor } = build();
    expect(await processor.accept(request(1))).toMatchObject({ orderId: 'order-1', state: 'queued' });
    await clock.advance(0);
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'paid', paymentId: 'payment-1' });
    expect(payments.deadlines).toEqual([120_000]);
  });

  it('accepts as many orders as there are workers and places, and stores no other', async () => {
    const { clock, store, payments, hang, processor } = build();
    payments.pay = hang;
    for (let i = 1; i <= 5; i++) await processor.accept(request(i));
    expect(isRejected(processor.check(), 'QUEUE_FULL')).toBe(true);
    await expect(processor.accept(request(6))).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      rejectedBy: 'order-queue',
    });
    await clock.advance(0);
    expect(processor.stats()).toEqual({ active: 2, queued: 3, capacity: 3 });
    expect(await store.unfinished()).toHaveLength(5);
  });

  it('queues an order once that comes many times at once, whatever the store takes', async () => {
    const { clock, store, payments, hang, processor } = build({ workers: 1, queueCapacity: 20 });
    payments.pay = hang;
    const add = store.add.bind(store);
    store.add = async (each) => {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 10));
      return add(each);
    };
    const first = processor.accept(request(1));
    await clock.advance(10);
    await first;
    const accepted = Promise.all(Array.from({ length: 10 }, () => processor.accept(request(2))));
    await clock.advance(10);
    expect(new Set((await accepted).map(({ orderId }) => orderId))).toEqual(new Set(['order-2']));
    expect(processor.stats()).toMatchObject({ active: 1, queued: 1 });
  });

  it('returns an order that it knows although the queue is full', async () => {
    const { payments, hang, processor } = build({ workers: 1, queueCapacity: 1 });
    payments.pay = hang;
    await processor.accept(request(1));
    await processor.accept(request(2));
    expect(await processor.accept(request(2))).toMatchObject({ orderId: 'order-2' });
    await expect(processor.accept(request(3))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('rejects a known order with another amount, also when both come at once', async () => {
    const { clock, store, processor } = build();
    const both = await Promise.allSettled([
      processor.accept(request(1)),
      processor.accept({ ...request(1), amountCents: 1 }),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(processor.accept({ ...request(1), amountCents: 1 })).rejects.toThrow(OrderConflictError);
    await clock.advance(0);
    expect(await store.get(keyOf(1))).toMatchObject({ amountCents: 10_000, state: 'paid' });
  });

  it('gives the place back when the store rejects or fails, and passes its error on', async () => {
    const store = new MemoryOrderStore({ maxOrders: 1 });
    const { clock, payments, processor } = build({ store });
    payments.pay = (_key, ctx) => new Promise<void>((resolve) => void ctx.onDone(() => resolve()));
    await processor.accept(request(1));
    await expect(processor.accept(request(2))).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      rejectedBy: 'order-store',
    });
    store.add = () => Promise.reject(new Error('disk full'));
    await expect(processor.accept(request(3))).rejects.toThrow('disk full');
    await clock.advance(0);
    expect(processor.stats()).toMatchObject({ active: 1, queued: 0 });
  });

  it('rejects until both the backlog is served and the gateway may be called', async () => {
    const { clock, payments, hang, processor } = build();
    payments.pay = hang;
    for (let i = 1; i <= 5; i++) await processor.accept(request(i));
    await clock.advance(0);
    payments.retryMs = 40_000;
    expect(processor.check()?.retryAfterMs).toBe(40_000);
    await expect(processor.accept(request(6))).rejects.toMatchObject({ retryAfterMs: 40_000 });
  });

  it('finishes accepted orders while it closes, and leaves the rest unfinished in the store', async () => {
    const { clock, store, payments, hang, processor } = build();
    payments.pay = hang;
    for (let i = 1; i <= 3; i++) await processor.accept(request(i));
    await clock.advance(0);
    const closed = processor.close({ withinMs: 5_000 });
    expect(processor.check()?.code).toBe('SHUTTING_DOWN');
    await expect(processor.accept(request(4))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(4_999);
    expect((await store.unfinished()).map(({ state }) => state)).toEqual([
      'processing',
      'processing',
      'queued',
    ]);
    await clock.advance(1);
    await closed;
    expect((await store.unfinished()).map(({ orderId, state }) => [orderId, state])).toEqual([
      ['order-1', 'retrying'],
      ['order-2', 'retrying'],
      ['order-3', 'queued'],
    ]);
  });

  it('closes only after the store has recorded the orders that it gave up', async () => {
    const { clock, store, payments, hang, processor } = build();
    payments.pay = hang;
    const postpone = store.postpone.bind(store);
    store.postpone = async (key, setback) => {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 100));
      await postpone(key, setback);
    };
    await processor.accept(request(1));
    await clock.advance(0);
    const closed = processor.close({ withinMs: 1_000 }).then(() => clock.now());
    await clock.advance(2_000);
    expect(await closed).toBe(1_100);
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'retrying' });
  });

  it.each([Number.NaN, -1])('rejects to close within %d ms, and goes on', async (withinMs) => {
    const { clock, store, processor } = build();
    await expect(processor.close({ withinMs })).rejects.toThrow(/withinMs/);
    await processor.accept(request(1));
    await clock.advance(0);
    expect(await store.get(keyOf(1))).toMatchObject({ state: 'paid' });
  });

  it('rejects without a time while it has no estimate', async () => {
    const { payments, hang, processor } = build();
    payments.pay = hang;
    for (let i = 1; i <= 5; i++) await processor.accept(request(i));
    expect(processor.check()).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: undefined });
    payments.retryMs = 40_000;
    expect(processor.check()).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 40_000 });
  });

  it('reports an order whose payment fails in the store, and goes on with the next', async () => {
    const { clock, store, payments, processor, errors } = build({ workers: 1 });
    const { pay } = payments;
    payments.pay = () => Promise.reject(new Error('disk full'));
    await processor.accept(request(1));
    await clock.advance(0);
    payments.pay = pay;
    await processor.accept(request(2));
    await clock.advance(0);
    expect(errors).toEqual([new Error('disk full')]);
    expect(await store.get(keyOf(2))).toMatchObject({ state: 'paid' });
  });
});
