import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { rejectionsOf } from '../../src/rejection-log.ts';
import { build } from '../build.ts';

const rejectedLines = (lines: readonly { msg: string }[]) => lines.filter(({ msg }) => msg === 'rejected');

describe('rejections', () => {
  it('are counted and logged in one line for each ten seconds', async () => {
    const { clock, order, lines } = await build({ RATE_LIMIT_BURST: '1' });
    for (let i = 0; i < 8; i++) await order('ann');
    expect(lines).toEqual([]);
    await clock.advance(10_000);
    expect(rejectedLines(lines)).toMatchObject([{ rejected: { rate_limit: 7 }, rejectedBy: { orders: 7 } }]);
    await clock.advance(60_000);
    expect(rejectedLines(lines)).toHaveLength(1);
    for (let i = 0; i < 3; i++) await order('ann');
    await clock.advance(10_000);
    expect(rejectedLines(lines)).toMatchObject([{}, { rejected: { rate_limit: 2 } }]);
  });

  it('are logged with the gate and the primitive that rejected', async () => {
    const { clock, order, lines } = await build({ WORKERS: '1', QUEUE_CAPACITY: '1' });
    await order();
    await clock.advance(0);
    await order();
    for (let i = 0; i < 3; i++) expect((await order()).statusCode).toBe(503);
    await clock.advance(10_000);
    expect(rejectedLines(lines)).toMatchObject([{ rejected: { load: 3 }, rejectedBy: { 'order-queue': 3 } }]);
  });

  it('are counted by the names of the gates, and no gate is left out', async () => {
    const { app } = await build();
    const counts = Object.keys(app.backpressure.stats().rejected).map((gate, i) => [gate, i + 1]);
    const rejected = Object.fromEntries(counts);
    const stats = () => ({ ...app.backpressure.stats(), rejected });
    const counted = { backpressure: { stats } } as unknown as FastifyInstance;
    expect(rejectionsOf(counted).rejected).toEqual(rejected);
    expect(Object.keys(rejected)).toEqual(expect.arrayContaining(['deadline', 'cancelled']));
  });

  it('name the gate and the primitive in problem details', async () => {
    const { app, clock, order } = await build({ WORKERS: '1', QUEUE_CAPACITY: '1' });
    await order();
    await clock.advance(0);
    await order();
    const headers = { accept: 'application/problem+json', 'content-type': 'application/json' };
    const rejected = await app.inject({
      method: 'POST',
      url: '/api/orders',
      headers,
      payload: '{"amount":1}',
    });
    expect(rejected.statusCode).toBe(503);
    expect(rejected.json()).toMatchObject({ gate: 'load', code: 'QUEUE_FULL', rejectedBy: 'order-queue' });
  });

  it('close the connection only if the unread body may be large', async () => {
    const { app, order } = await build({ RATE_LIMIT_BURST: '1', BODY_LIMIT_BYTES: '1000' });
    const send = async (headers: Record<string, string>) =>
      (
        await app.inject({
          method: 'POST',
          url: '/api/orders',
          headers: { 'x-user-id': 'ann', 'content-type': 'application/json', ...headers },
        })
      ).headers.connection;
    await order('ann');
    expect(await send({ 'content-length': '1000' })).not.toBe('close');
    expect(await send({ 'content-length': '1001' })).toBe('close');
    expect(await send({ 'transfer-encoding': 'chunked' })).toBe('close');
  });

  it('log no client', async () => {
    const { clock, order, lines } = await build({ RATE_LIMIT_BURST: '1' });
    for (let i = 0; i < 3; i++) await order('ann@example.com');
    await clock.advance(10_000);
    expect(JSON.stringify(lines)).not.toContain('ann');
  });
});
