import type { RequestContext } from '@bp/context';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import type { OrderOutcome } from '../../src/orders/order.ts';
import {
  OrderProcessor,
  type OrderProcessorOptions,
  type Payments,
} from '../../src/orders/order-processor.ts';
import type { PayableOrder } from '../../src/orders/payment.ts';

const request = { item: 'book-1', quantity: 1, amount: 100 };
const paid: OrderOutcome = { state: 'paid', paymentId: 'payment-1' };

type Pay = (order: PayableOrder, ctx: RequestContext) => Promise<OrderOutcome | undefined>;

/** Payments that end as the test says. */
class ScriptedPayments implements Payments {
  readonly deadlines: (number | undefined)[] = [];
  next: Pay = async (order) => {
    await order.claim();
    return paid;
  };
  retryMs = 0;

  pay(order: PayableOrder, ctx: RequestContext): Promise<OrderOutcome | undefined> {
    this.deadlines.push(ctx.deadline);
    return this.next(order, ctx);
  }
  retryAfterMs(): number {
    return this.retryMs;
  }
}

function build(overrides: Partial<OrderProcessorOptions> = {}) {
  const clock = new VirtualClock();
  const store = new MemoryOrderStore({ maxOrders: 100 });
  const payments = new ScriptedPayments();
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
    const closed = processor.close({ deadline: clock.now() });
    await clock.advance(0);
    await closed;
    expect(clock.pendingTimers, 'timers left behind').toBe(0);
  });
  return { clock, store, payments, processor, errors };
}

/** Decides nothing until it is given up. */
const never: Pay = async (order, ctx) => {
  await order.claim();
  await new Promise<void>((resolve) => ctx.onDone(() => resolve()));
  await order.postpone('given up');
  return undefined;
};

describe('OrderProcessor', () => {
  it('pays an order and says so in the store', async () => {
    const { clock, store, payments, processor } = build();
    const order = await processor.accept(request);
    expect(order).toMatchObject({ orderId: 'order-1', state: 'queued' });
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid', paymentId: 'payment-1' });
    expect(payments.deadlines).toEqual([120_000]);
  });

  it('takes as many orders as there are workers and places, and stores no other', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = never;
    for (let i = 0; i < 5; i++) expect(await processor.accept(request)).toBeDefined();
    expect(await processor.accept(request)).toBeUndefined();
    await clock.advance(0);
    expect(processor.stats()).toEqual({ running: 2, queued: 3, capacity: 3 });
    expect(await store.unfinished()).toHaveLength(5);
  });

  it('takes no place for an order that the store rejects, and passes on what else goes wrong there', async () => {
    const store = new MemoryOrderStore({ maxOrders: 1 });
    const { clock, payments, processor } = build({ store });
    payments.next = never;
    await processor.accept(request);
    expect(await processor.accept(request)).toBeUndefined();
    store.append = () => Promise.reject(new Error('disk full'));
    await expect(processor.accept(request)).rejects.toThrow('disk full');
    await clock.advance(0);
    expect(processor.stats()).toMatchObject({ running: 1, queued: 0 });
  });

  it('fails an order that is not paid in the end, and says why', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = async (order) => {
      await order.claim();
      return { state: 'failed', reason: 'payment rejected with 402' };
    };
    await processor.accept(request);
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({
      state: 'failed',
      reason: 'payment rejected with 402',
    });
  });

  it('shows in the store where an order stands between two tries', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = async (order) => {
      expect(await order.claim()).toMatchObject({ orderId: 'order-1', state: 'processing' });
      await order.postpone('payment gateway failed');
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 1_000));
      await order.claim();
      return paid;
    };
    await processor.accept(request);
    await clock.advance(999);
    expect(await store.get('order-1')).toMatchObject({ state: 'retrying', reason: 'payment gateway failed' });
    await clock.advance(1);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid', reason: undefined });
  });

  it('gives a rejected caller the later of its own backlog and the gateway', async () => {
    const { clock, payments, processor } = build();
    payments.next = never;
    for (let i = 0; i < 5; i++) await processor.accept(request);
    await clock.advance(0);
    payments.retryMs = 40_000;
    expect(processor.retryAfterMs()).toBe(40_000);
  });

  it('on closing works off what it has, and leaves in the store what it cannot', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = never;
    for (let i = 0; i < 3; i++) await processor.accept(request);
    await clock.advance(0);
    const closed = processor.close({ deadline: clock.now() + 5_000 });
    expect(await processor.accept(request)).toBeUndefined();
    await clock.advance(5_000);
    await closed;
    expect((await store.unfinished()).map(({ orderId, state }) => [orderId, state])).toEqual([
      ['order-1', 'retrying'],
      ['order-2', 'retrying'],
      ['order-3', 'queued'],
    ]);
  });

  it('on closing waits until what it gives up is said in the store', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = never;
    const postpone = store.postpone.bind(store);
    store.postpone = async (orderId, reason) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 100));
      await postpone(orderId, reason);
    };
    await processor.accept(request);
    await clock.advance(0);
    const closed = processor.close({ deadline: clock.now() + 1_000 }).then(() => clock.now());
    await clock.advance(2_000);
    expect(await closed).toBe(1_100);
    expect(await store.get('order-1')).toMatchObject({ state: 'retrying' });
  });

  it('tells of a store that fails, and goes on with the next order', async () => {
    const { clock, store, processor, errors } = build({ workers: 1 });
    const complete = store.complete.bind(store);
    store.complete = () => Promise.reject(new Error('disk full'));
    await processor.accept(request);
    await clock.advance(0);
    store.complete = complete;
    await processor.accept(request);
    await clock.advance(0);
    expect(errors).toEqual([new Error('disk full')]);
    expect(await store.get('order-2')).toMatchObject({ state: 'paid' });
  });
});
