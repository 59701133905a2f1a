import { RequestContext } from '@bp/context';
import { describe, expect, it } from 'vitest';
import type { PaymentResult } from '../../src/orders/payment-gateway.ts';
import { build, unavailable } from './payments-harness.ts';

const key = { client: 'id:ann', orderId: 'order-1' };
const paid: PaymentResult = { state: 'paid', paymentId: 'payment-1' };

describe('Payments', () => {
  it('records the payment', async () => {
    const { clock, store, gateway, pay } = build();
    const paying = pay();
    await clock.advance(100);
    expect(await paying).toMatchObject({ order: paid, at: 100 });
    expect(store.setbacks).toEqual([]);
    expect(gateway.calls).toHaveLength(1);
  });

  it.each(['declined', 'rejected'] as const)(
    'records a %s order as failed, without a retry',
    async (state) => {
      const { clock, gateway, breaker, pay } = build();
      gateway.answer = () => ({ state, reason: 'payment rejected with 402' });
      const paying = pay();
      await clock.advance(100);
      expect((await paying).order).toMatchObject({ state: 'failed', reason: 'payment rejected with 402' });
      expect(gateway.calls).toHaveLength(1);
      expect(breaker.stats().consecutiveFailures).toBe(0);
    },
  );

  it('retries a failure with growing backoff, numbered and with the same payment key', async () => {
    const { clock, store, gateway, pay } = build();
    gateway.answer = () => (gateway.calls.length < 3 ? unavailable() : paid);
    const paying = pay();
    await clock.advance(10_000);
    expect(gateway.calls.map(({ at, attempt }) => [at, attempt])).toEqual([
      [0, 1],
      [300, 2],
      [800, 3],
    ]);
    expect(new Set(gateway.calls.map(({ paymentKey }) => paymentKey)).size).toBe(1);
    expect((await paying).order).toMatchObject(paid);
    const setback = { reason: 'payment gateway failed', mayBeCharged: false };
    expect(store.setbacks).toEqual([setback, setback]);
  });

  it('shows the order as retrying with the reason while it waits', async () => {
    const { clock, store, gateway, pay } = build();
    gateway.answer = () => (gateway.calls.length < 2 ? unavailable(1_000) : paid);
    const paying = pay();
    await clock.advance(0);
    expect(await store.get(key)).toMatchObject({ state: 'processing' });
    await clock.advance(1_000);
    expect(await store.get(key)).toMatchObject({ state: 'retrying', reason: 'payment gateway failed' });
    await clock.advance(1_000);
    expect((await paying).order).toMatchObject({ state: 'paid', reason: undefined });
  });

  it('records an order as failed after the last attempt, if no attempt can have charged it', async () => {
    const { clock, store, gateway, pay } = build();
    gateway.answer = () => unavailable();
    const paying = pay();
    await clock.advance(10_000);
    expect(gateway.calls).toHaveLength(3);
    expect(store.setbacks).toHaveLength(2);
    expect((await paying).order).toMatchObject({ state: 'failed', reason: 'payment gateway failed' });
  });

  it('retries no earlier than the gateway says', async () => {
    const { clock, gateway, pay } = build({ random: () => 0 });
    gateway.answer = () => (gateway.calls.length < 2 ? unavailable(3_000) : paid);
    const paying = pay();
    await clock.advance(3_200);
    expect(gateway.calls.map(({ at }) => at)).toEqual([0, 3_100]);
    expect((await paying).order).toMatchObject(paid);
  });

  it('waits until an open breaker admits calls, and counts no attempt meanwhile', async () => {
    const { clock, store, gateway, payments, pay } = build({
      failuresToOpen: 1,
      maxAttempts: 2,
      random: () => 0,
    });
    gateway.answer = () => (gateway.calls.length < 2 ? unavailable() : paid);
    const paying = pay();
    await clock.advance(100);
    expect(payments.retryAfterMs()).toBe(60_000);
    await clock.advance(60_100);
    expect(gateway.calls.map(({ at }) => at)).toEqual([0, 60_100]);
    expect((await paying).order).toMatchObject(paid);
    expect(store.setbacks.map(({ reason }) => reason)).toEqual([
      'payment gateway failed',
      'payment gateway not available',
    ]);
    expect(payments.retryAfterMs()).toBe(0);
  });

  it('fails an order at once whose next attempt would come after its deadline', async () => {
    const { clock, gateway, pay } = build();
    gateway.answer = () => unavailable(60_000);
    const paying = pay({ timeoutMs: 30_000 });
    await clock.advance(100);
    expect(await paying).toMatchObject({ order: { state: 'failed' }, at: 100 });
  });

  it('fails an order whose deadline passed before a late timer fired', async () => {
    const { clock, gateway, pay } = build();
    gateway.answer = () => unavailable();
    const paying = pay({ timeoutMs: 350 });
    await clock.advance(100);
    clock.jumpTo(400);
    await clock.advance(0);
    expect((await paying).order).toMatchObject({ state: 'failed', reason: 'payment gateway failed' });
    expect(gateway.calls).toHaveLength(1);
  });

  it('makes at most `limit` payments at once; the rejected attempts are no failures of the gateway', async () => {
    const { clock, limiter, breaker, pay } = build({ limit: 1, maxQueue: 1, random: () => 0.5 });
    const paying = [pay(), pay(), pay()];
    await clock.advance(0);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 1 });
    await clock.advance(2_000);
    for (const each of paying) expect((await each).order).toMatchObject(paid);
    expect(breaker.stats()).toMatchObject({ admitted: 3, succeeded: 3, failed: 0 });
  });

  it('leaves an order unfinished when its context is cancelled during an attempt or a wait', async () => {
    for (const [afterMs, setback] of [
      [50, { reason: 'payment interrupted', mayBeCharged: true }],
      [250, { reason: 'payment gateway failed', mayBeCharged: false }],
    ] as const) {
      const { clock, gateway, limiter, pay } = build();
      gateway.answer = () => unavailable();
      const abort = new AbortController();
      const paying = pay({ signal: abort.signal });
      await clock.advance(afterMs);
      abort.abort();
      await clock.advance(0);
      expect((await paying).order).toMatchObject({ state: 'retrying', ...setback });
      expect(gateway.calls).toHaveLength(1);
      expect(limiter.stats().active).toBe(0);
    }
  });

  it('does nothing for an order that is unknown or finished', async () => {
    const { clock, gateway, payments, pay } = build();
    await payments.pay(key, new RequestContext({ clock }));
    expect(gateway.calls).toEqual([]);
    const paying = pay();
    await clock.advance(100);
    await paying;
    await payments.pay(key, new RequestContext({ clock }));
    expect(gateway.calls).toHaveLength(1);
  });

  it('ends with the error of the store, which is no failure of the gateway', async () => {
    const { clock, store, gateway, breaker, pay } = build();
    gateway.answer = () => unavailable();
    store.postpone = () => Promise.reject(new Error('disk full'));
    const paying = expect(pay()).rejects.toThrow('disk full');
    await clock.advance(1_000);
    await paying;
    expect(gateway.calls).toHaveLength(1);
    expect(breaker.stats().failed).toBe(1);

    store.claim = () => Promise.reject(new Error('disk gone'));
    await expect(pay()).rejects.toThrow('disk gone');
    expect(gateway.calls).toHaveLength(1);
  });

  it('makes at most one retry per order, plus the reserve, while the gateway fails', async () => {
    const { clock, gateway, pay } = build({ maxAttempts: 20, maxActive: 1 });
    gateway.answer = () => unavailable();
    const ORDERS = 50;
    const paying = Array.from({ length: ORDERS }, () => pay());
    await clock.advance(120_000);
    for (const each of paying) expect((await each).order).toMatchObject({ state: 'failed' });
    const windows = 120_000 / 10_000 + 1;
    expect(gateway.calls.length).toBeLessThanOrEqual(2 * ORDERS + windows * 20);
    expect(gateway.calls.length).toBeGreaterThan(ORDERS);
  });

  it('spends no budget on attempts that the breaker rejects: all orders outlast an outage', async () => {
    const { clock, gateway, pay } = build({
      failuresToOpen: 1,
      maxActive: 1,
      maxAttempts: 2,
      random: () => 0.5,
    });
    gateway.answer = () => (clock.now() < 100 ? unavailable() : paid);
    const paying = Array.from({ length: 20 }, () => pay());
    await clock.advance(110_000);
    for (const each of paying) expect((await each).order).toMatchObject(paid);
  });
});
