import { type AdmissionOptions, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import type { Order, OrderOutcome } from '../../src/orders/order.ts';
import {
  OrderProcessor,
  type OrderProcessorOptions,
  type Payments,
} from '../../src/orders/order-processor.ts';

const request = { item: 'book-1', quantity: 1, amount: 100 };
const paid: OrderOutcome = { state: 'paid', paymentId: 'payment-1' };

/** Payments that end as the test says. */
class ScriptedPayments implements Payments {
  readonly calls: { readonly order: Order; readonly ctx: AdmissionOptions; readonly at: number }[] = [];
  readonly clock: VirtualClock;
  next: (ctx: AdmissionOptions) => Promise<OrderOutcome> = async () => paid;
  retryMs = 0;
  recovered: () => void = () => undefined;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }
  pay(order: Order, ctx: AdmissionOptions): Promise<OrderOutcome> {
    this.calls.push({ order, ctx, at: this.clock.now() });
    return this.next(ctx);
  }
  retryAfterMs(): number {
    return this.retryMs;
  }
  onRecovered(listener: () => void): () => void {
    this.recovered = listener;
    return () => undefined;
  }
}

function build(overrides: Partial<OrderProcessorOptions> = {}) {
  const clock = new VirtualClock();
  const store = new MemoryOrderStore({ maxOrders: 100 });
  const payments = new ScriptedPayments(clock);
  const errors: unknown[] = [];
  const processor = new OrderProcessor({
    store,
    payments,
    workers: 2,
    queueCapacity: 3,
    maxAttempts: 3,
    orderTimeoutMs: 120_000,
    clock,
    random: () => 1,
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

const never = (ctx: AdmissionOptions): Promise<never> =>
  new Promise((_resolve, reject) => {
    ctx.signal?.addEventListener('abort', () => reject(new RejectedError('CANCELLED', 'test')));
  });

describe('OrderProcessor', () => {
  it('pays an order and says so in the store', async () => {
    const { clock, store, payments, processor } = build();
    const order = await processor.accept(request);
    expect(order).toMatchObject({ orderId: 'order-1', state: 'queued' });
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid', paymentId: 'payment-1' });
    expect(payments.calls).toHaveLength(1);
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

  it('takes no place for an order that the store refuses, and passes on what else goes wrong there', async () => {
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

  it('tries again after a failed payment, later each time, with the same payment key', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = async () => {
      if (payments.calls.length < 3) throw new Error('500');
      return paid;
    };
    await processor.accept(request);
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({ state: 'retrying', reason: 'payment gateway failed' });
    await clock.advance(10_000);
    expect(payments.calls.map(({ at }) => at)).toEqual([0, 200, 600]);
    expect(new Set(payments.calls.map(({ order }) => order.paymentKey)).size).toBe(1);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid', reason: undefined });
  });

  it('fails an order after the last attempt', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = () =>
      Promise.reject(new RejectedError('DEADLINE_EXCEEDED', 'payments', { workBegan: true }));
    await processor.accept(request);
    await clock.advance(100_000);
    expect(payments.calls).toHaveLength(3);
    expect(await store.get('order-1')).toMatchObject({ state: 'failed', reason: 'payment timed out' });
  });

  it('fails an order that the gateway refuses to charge, without another attempt', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = async () => ({ state: 'failed', reason: 'payment refused with 402' });
    await processor.accept(request);
    await clock.advance(10_000);
    expect(payments.calls).toHaveLength(1);
    expect(await store.get('order-1')).toMatchObject({ state: 'failed', reason: 'payment refused with 402' });
  });

  it('waits out an open breaker instead of asking it again, and counts no attempt', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = async () => {
      if (clock.now() < 60_000) {
        throw new RejectedError('CIRCUIT_OPEN', 'payments', { retryAfterMs: 60_000 - clock.now() });
      }
      return paid;
    };
    await processor.accept(request);
    await clock.advance(59_999);
    expect(payments.calls.map(({ at }) => at)).toEqual([0]);
    expect(await store.get('order-1')).toMatchObject({
      state: 'retrying',
      reason: 'payment gateway not available',
    });
    await clock.advance(1);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid' });
    expect(payments.calls.map(({ at }) => at)).toEqual([0, 60_000]);
  });

  it('tries again at once when the gateway has recovered', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = () =>
      Promise.reject(new RejectedError('CIRCUIT_OPEN', 'payments', { retryAfterMs: 60_000 }));
    await processor.accept(request);
    await clock.advance(1_000);
    payments.next = async () => paid;
    payments.recovered();
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({ state: 'paid' });
  });

  it('does not wait for what comes after its time is up', async () => {
    const { clock, store, payments, processor } = build({ orderTimeoutMs: 30_000 });
    payments.next = () =>
      Promise.reject(new RejectedError('CIRCUIT_OPEN', 'payments', { retryAfterMs: 60_000 }));
    await processor.accept(request);
    await clock.advance(0);
    expect(await store.get('order-1')).toMatchObject({
      state: 'failed',
      reason: 'payment gateway not available',
    });
  });

  it('never comes back at once, however the dice fall, and never gives up for having been refused', async () => {
    const { clock, payments, processor } = build({ random: () => 0 });
    payments.next = () => Promise.reject(new RejectedError('CIRCUIT_OPEN', 'payments', { retryAfterMs: 0 }));
    await processor.accept(request);
    await clock.advance(1_000);
    expect(payments.calls.map(({ at }) => at)).toEqual([0, 100, 300, 700]);
  });

  it('gives a refused caller the later of its own backlog and the gateway', async () => {
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

  it('on closing wakes those who pause, so that nobody is waited for', async () => {
    const { clock, store, payments, processor } = build();
    payments.next = () =>
      Promise.reject(new RejectedError('CIRCUIT_OPEN', 'payments', { retryAfterMs: 60_000 }));
    await processor.accept(request);
    await clock.advance(0);
    const closed = processor.close({ deadline: clock.now() + 1_000 });
    await clock.advance(1_000);
    await closed;
    expect(payments.calls).toHaveLength(1);
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
