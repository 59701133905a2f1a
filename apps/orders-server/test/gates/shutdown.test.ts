import { describe, expect, it } from 'vitest';
import { build } from '../build.ts';

describe('while the server drains', () => {
  it('rejects new orders with 503 until it is gone, and closes the connection', async () => {
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

  it('says that before anything else about a request', async () => {
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

  it('says so to whoever asks for its health, and still shows orders and metrics', async () => {
    const { app, clock, drain, order } = await build();
    const health = async () => {
      const { statusCode, body } = await app.inject('/health');
      return [statusCode, body];
    };
    expect(await health()).toEqual([200, '{"status":"ok"}']);
    await order();
    await clock.advance(0);
    const drained = drain();
    expect(await health()).toEqual([503, '{"status":"draining"}']);
    expect((await app.inject('/api/orders/order-1')).statusCode).toBe(200);
    expect((await app.inject('/api/metrics')).statusCode).toBe(200);
    await clock.advance(10_000);
    await drained;
  });

  it('works off what it has taken', async () => {
    const { app, clock, drain, order, lines } = await build({ WORKERS: '1' });
    for (let i = 0; i < 3; i++) await order();
    const drained = drain();
    await clock.advance(300);
    await drained;
    for (const id of [1, 2, 3]) {
      expect((await app.inject(`/api/orders/order-${id}`)).json()).toMatchObject({ state: 'paid' });
    }
    expect(lines.map(({ msg }) => msg)).toEqual(['draining', 'drained']);
  });

  it('says which orders are lost when the grace time is over', async () => {
    const { clock, drain, order, gateway, lines } = await build({ WORKERS: '1', SHUTDOWN_GRACE_MS: '5000' });
    gateway.latencyMs = 60_000;
    for (let i = 0; i < 3; i++) await order();
    const drained = drain();
    await clock.advance(5_000);
    await drained;
    expect(lines.find(({ level }) => level === 40)).toMatchObject({
      unfinished: ['order-1', 'order-2', 'order-3'],
    });
  });
});
