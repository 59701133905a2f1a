import { describe, expect, it } from 'vitest';
import { build } from '../build.ts';

describe('a healthy gateway that takes 200 ms', () => {
  it('is no failed dependency for orders that have 60 ms: the breaker stays closed', async () => {
    const built = await build({ ORDER_TIMEOUT_MS: '60', BREAKER_FAILURES: '3' });
    built.gateway.latencyMs = 200;
    for (let i = 0; i < 6; i++) await built.order('ann', { orderId: `order-${i}`, amount: 1 });
    await built.clock.advance(5_000);
    expect((await built.app.inject('/api/metrics')).json()).toMatchObject({
      circuitBreakerState: 'CLOSED',
      circuitBreakerFailures: 0,
    });
    for (let i = 0; i < 6; i++) {
      expect((await built.read(`order-${i}`, 'ann')).json()).toMatchObject({
        state: 'unresolved',
        reason: 'payment timed out',
      });
    }
  });

  it('is not affected by clients that send a deadline of 60 ms with their orders', async () => {
    const built = await build({ BREAKER_FAILURES: '3' });
    built.gateway.latencyMs = 200;
    for (let i = 0; i < 6; i++) {
      const response = await built.app.inject({
        method: 'POST',
        url: '/api/orders',
        headers: { 'x-user-id': 'ann', 'x-request-timeout-ms': '60' },
        payload: { orderId: `order-${i}`, amount: 1 },
      });
      expect(response.statusCode).toBe(202);
    }
    await built.clock.advance(5_000);
    expect((await built.app.inject('/api/metrics')).json()).toMatchObject({
      circuitBreakerState: 'CLOSED',
      circuitBreakerFailures: 0,
    });
    for (let i = 0; i < 6; i++)
      expect((await built.read(`order-${i}`, 'ann')).json()).toMatchObject({ state: 'paid' });
  });
});

it('a gateway that exceeds the time of the server for a payment is a failed dependency: the breaker opens', async () => {
  const built = await build({ PAYMENT_TIMEOUT_MS: '60', BREAKER_FAILURES: '3', PAYMENT_ATTEMPTS: '1' });
  built.gateway.latencyMs = 200;
  for (let i = 0; i < 3; i++) await built.order('ann', { orderId: `order-${i}`, amount: 1 });
  await built.clock.advance(60);
  expect((await built.app.inject('/api/metrics')).json()).toMatchObject({
    circuitBreakerState: 'OPEN',
    circuitBreakerFailures: 3,
  });
});
