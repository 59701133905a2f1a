import { describe, expect, it } from 'vitest';
import { build } from '../build.ts';

describe('GET /api/metrics', () => {
  it('has exactly six fields', async () => {
    const { app } = await build();
    expect((await app.inject('/api/metrics')).json()).toEqual({
      queueSize: 0,
      queueFull: false,
      activeConcurrency: 0,
      queuedConcurrency: 0,
      circuitBreakerState: 'CLOSED',
      circuitBreakerFailures: 0,
    });
  });

  it('shows queue and permits', async () => {
    const { app, clock, order } = await build({
      WORKERS: '4',
      PAYMENT_CONCURRENCY: '3',
      QUEUE_CAPACITY: '2',
    });
    for (let i = 0; i < 4; i++) await order();
    await clock.advance(0);
    for (let i = 0; i < 2; i++) await order();
    await clock.advance(0);
    expect((await app.inject('/api/metrics')).json()).toMatchObject({
      queueSize: 2,
      queueFull: true,
      activeConcurrency: 3,
      queuedConcurrency: 1,
    });
  });

  it('shows the failures in a row and every state of the breaker', async () => {
    const { app, clock, order, read, gateway, lines } = await build({
      BREAKER_FAILURES: '3',
      BREAKER_PROBES: '2',
    });
    const breaker = async () => {
      const { circuitBreakerState, circuitBreakerFailures } = (await app.inject('/api/metrics')).json();
      return [circuitBreakerState, circuitBreakerFailures];
    };
    gateway.failing = true;
    for (const id of [1, 2]) await order('ann', { orderId: `order-${id}`, amount: 1 });
    await clock.advance(100);
    expect(await breaker()).toEqual(['CLOSED', 2]);
    await clock.advance(400);
    expect(await breaker()).toEqual(['OPEN', 3]);

    gateway.failing = false;
    gateway.latencyMs = 1_000;
    await clock.advance(60_000);
    expect(await breaker()).toMatchObject(['HALF_OPEN', expect.any(Number)]);
    await clock.advance(1_000);
    expect(await breaker()).toEqual(['CLOSED', 0]);
    expect(lines.filter(({ msg }) => msg === 'circuit breaker').map(({ to }) => to)).toEqual([
      'OPEN',
      'HALF_OPEN',
      'CLOSED',
    ]);
    for (const id of [1, 2])
      expect((await read(`order-${id}`, 'ann')).json()).toMatchObject({ state: 'paid' });
  });
});
