import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import type { Order } from '../../src/orders/order.ts';
import { PaymentClient } from '../../src/orders/payment-client.ts';
import { SlowGateway } from '../build.ts';

const order: Order = {
  orderId: 'order-1',
  state: 'processing',
  item: 'book-1',
  quantity: 1,
  amount: 100,
  paymentKey: 'key-1',
};

function build({ limit = 2, maxQueue = 5 } = {}) {
  const clock = new VirtualClock();
  const gateway = new SlowGateway(clock);
  const limiter = new ConcurrencyLimiter({ limit, maxQueue, clock });
  const breaker = new CircuitBreaker({ consecutiveFailures: 2, openMs: 1_000, halfOpenProbes: 1, clock });
  const client = new PaymentClient({ gateway, timeoutMs: 500, limiter, breaker, clock });
  const pay = () => client.pay(order, {}).catch((error: unknown) => error);
  return { clock, gateway, limiter, breaker, client, pay };
}

describe('PaymentClient', () => {
  it('passes on what the gateway decides', async () => {
    const { clock, pay } = build();
    const paid = pay();
    await clock.advance(100);
    expect(await paid).toEqual({ state: 'paid', paymentId: 'payment-1' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives up at the deadline, which is a failure of the gateway, and hands the permit back', async () => {
    const { clock, gateway, limiter, breaker, pay } = build();
    gateway.latencyMs = 60_000;
    const paid = pay();
    await clock.advance(499);
    expect(limiter.stats().active).toBe(1);
    await clock.advance(1);
    expect(await paid).toMatchObject({ code: 'DEADLINE_EXCEEDED', workBegan: true });
    expect(breaker.stats().failures).toBe(1);
    expect(limiter.stats().active).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes no more payments at once than it may, and does not hold the others against the gateway', async () => {
    const { clock, gateway, limiter, breaker, pay } = build({ limit: 1, maxQueue: 1 });
    gateway.latencyMs = 200;
    const [first, second, third] = [pay(), pay(), pay()];
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 1 });
    expect(isRejected(await third, 'QUEUE_FULL')).toBe(true);
    await clock.advance(400);
    expect([await first, await second]).toMatchObject([{ state: 'paid' }, { state: 'paid' }]);
    expect(breaker.stats()).toMatchObject({ admitted: 2, succeeded: 2, failed: 0 });
  });

  it('does not ask a gateway that has failed twice until the time is up, and says when that is', async () => {
    const { clock, gateway, client, pay } = build();
    gateway.failing = true;
    const failed = [pay(), pay()];
    await clock.advance(100);
    expect(await Promise.all(failed)).toEqual(Array(2).fill(new Error('the gateway fails')));

    gateway.failing = false;
    await clock.advance(300);
    expect(await pay()).toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 700 });
    expect(client.retryAfterMs()).toBe(700);
    expect(gateway.charged).toBe(0);
  });

  it('tells of a gateway that has recovered, once', async () => {
    const { clock, gateway, client, pay } = build();
    let recovered = 0;
    client.onRecovered(() => recovered++);
    gateway.failing = true;
    const failed = [pay(), pay()];
    await clock.advance(100);
    await Promise.all(failed);
    gateway.failing = false;
    await clock.advance(1_000);
    const probe = pay();
    expect(recovered).toBe(0);
    await clock.advance(100);
    expect(await probe).toMatchObject({ state: 'paid' });
    expect(recovered).toBe(1);
    expect(client.retryAfterMs()).toBe(0);
  });

  it('does not start a payment whose caller is gone', async () => {
    const { gateway, client } = build();
    const refused = client.pay(order, { signal: AbortSignal.abort() });
    await expect(refused).rejects.toSatisfy((error) => isRejected(error, 'CANCELLED'));
    expect(gateway.charged).toBe(0);
  });
});
