import { describe, expect, it } from 'vitest';
import { build } from '../build.ts';

describe('while the server drains', () => {
  it('rejects new orders with 503 and the rest of the grace time, and closes the connection', async () => {
    const { clock, drain, order } = await build({ SHUTDOWN_GRACE_MS: '5000' });
    await order();
    await clock.advance(0);
    const drained = drain();
    await clock.advance(1_900);
    const rejected = await order();
    expect(rejected.statusCode).toBe(503);
    expect(rejected.headers).toMatchObject({ 'retry-after': '4', connection: 'close' });
    expect(rejected.body).toBe('{"error":"Service shutting down","retryAfter":4}');
    await clock.advance(5_000);
    await drained;
  });

  it('checks for shutdown before every other gate', async () => {
    const { clock, drain, order } = await build({ RATE_LIMIT_BURST: '1', WORKERS: '1', QUEUE_CAPACITY: '1' });
    await order('ann');
    await clock.advance(0);
    await order('bob');
    const drained = drain();
    for (const user of ['ann', 'eve']) {
      expect((await order(user)).json()).toMatchObject({ error: 'Service shutting down' });
    }
    await clock.advance(10_000);
    await drained;
  });

  it('reports `draining` as its health, and still shows orders and metrics', async () => {
    const { app, clock, drain, order, read } = await build();
    const health = async () => {
      const { statusCode, body } = await app.inject('/health');
      return [statusCode, body];
    };
    expect(await health()).toEqual([200, '{"status":"ok"}']);
    await order('ann', { orderId: 'order-1', amount: 1 });
    await clock.advance(0);
    const drained = drain();
    expect(await health()).toEqual([503, '{"status":"draining"}']);
    expect((await read('order-1', 'ann')).statusCode).toBe(200);
    expect((await app.inject('/api/metrics')).statusCode).toBe(200);
    await clock.advance(10_000);
    await drained;
  });

  it('finishes the accepted orders', async () => {
    const { clock, drain, order, read, lines } = await build({ WORKERS: '1' });
    for (const id of [1, 2, 3]) await order('ann', { orderId: `order-${id}`, amount: 1 });
    const drained = drain();
    await clock.advance(300);
    await drained;
    for (const id of [1, 2, 3])
      expect((await read(`order-${id}`, 'ann')).json()).toMatchObject({ state: 'paid' });
    expect(lines.map(({ msg }) => msg)).toEqual(['draining', 'drained']);
  });

  it('logs the orders that are lost after the grace time, and which of them may have been charged', async () => {
    const { clock, drain, order, gateway, lines } = await build({ WORKERS: '1', SHUTDOWN_GRACE_MS: '5000' });
    gateway.latencyMs = 4_000;
    for (const id of [1, 2, 3]) await order('ann', { orderId: `order-${id}`, amount: 1 });
    const drained = drain();
    await clock.advance(5_000);
    await drained;
    expect(lines.find(({ level }) => level === 40)).toMatchObject({
      unfinished: ['order-2', 'order-3'],
      mayBeCharged: ['order-2'],
    });
  });
});
