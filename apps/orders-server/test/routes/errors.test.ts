import { describe, expect, it } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import { build } from '../build.ts';

describe('error responses', () => {
  it.each([
    ['GET', '/api/orders', 'POST'],
    ['DELETE', '/api/orders', 'POST'],
    ['POST', '/api/orders/order-1', 'GET, HEAD'],
    ['PUT', '/api/metrics', 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
  ] as const)('answer %s %s with 405 and the allowed methods', async (method, url, allow) => {
    const { app } = await build();
    const response = await app.inject({ method, url });
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe(allow);
    expect(response.json()).toEqual({
      error: 'Method Not Allowed',
      message: `${method} is not allowed here`,
    });
  });

  it('answer an unknown path with 404', async () => {
    const { app } = await build();
    const response = await app.inject('/api/nothing');
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({ error: 'Not Found', message: 'no such route' });
  });

  it.each([
    ['/api/orders/%zz', 400],
    [`/api/orders/${'9'.repeat(1_000)}`, 414],
  ])('have the same form for a malformed path: %#', async (url, status) => {
    const { app } = await build();
    const response = await app.inject(url);
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({ error: expect.any(String), message: expect.any(String) });
  });

  it('log the cause of a 500 and do not send it', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    store.add = () => Promise.reject(new Error('disk full'));
    const { order, lines } = await build({}, { store });
    const response = await order();
    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({
      error: 'Internal Server Error',
      message: 'the request could not be handled',
    });
    expect(lines).toMatchObject([{ level: 50, msg: 'request failed', err: { message: 'disk full' } }]);
  });
});
