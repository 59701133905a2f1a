import { describe, expect, it } from 'vitest';
import { build, validOrder } from '../build.ts';

const json = { 'content-type': 'application/json' };

describe('POST /api/orders', () => {
  it('answers 202 with the number of the order and the length of the queue', async () => {
    const { order } = await build({ WORKERS: '1' });
    const first = await order();
    expect(first.statusCode).toBe(202);
    expect(first.json()).toEqual({
      message: 'Order queued',
      orderId: 'order-1',
      queueSize: expect.any(Number),
    });
    await order();
    expect((await order()).json()).toMatchObject({ orderId: 'order-3', queueSize: 2 });
  });

  it.each([
    ['item', { ...validOrder, item: undefined }, 'item is required'],
    ['item', { ...validOrder, item: '../etc' }, /^item must match pattern/],
    ['item', { ...validOrder, item: 7 }, 'item must be string'],
    ['quantity', { ...validOrder, quantity: 0 }, 'quantity must be >= 1'],
    ['quantity', { ...validOrder, quantity: 1.5 }, 'quantity must be integer'],
    ['quantity', { ...validOrder, quantity: '2' }, 'quantity must be integer'],
    ['amount', { ...validOrder, amount: 1e9 }, 'amount must be <= 100000000'],
    ['amount', { ...validOrder, amount: null }, 'amount must be integer'],
    ['an unknown field', { ...validOrder, paid: true }, 'paid is not a known field'],
    ['a list', [validOrder], 'the body must be object'],
  ])('rejects a bad order and names %s', async (_field, payload, message) => {
    const { app } = await build();
    const response = await app.inject({ method: 'POST', url: '/api/orders', payload });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
  });

  it.each([
    ['no JSON', '{"item":', 400],
    ['a number beyond all bounds', '{"item":"a","quantity":1e999,"amount":1}', 400],
    ['an attack on the prototype', '{"__proto__":{"admin":true},"item":"a","quantity":1,"amount":1}', 400],
    ['nothing', '', 400],
    ['more than the limit', JSON.stringify({ ...validOrder, item: 'x'.repeat(17_000) }), 413],
  ])('rejects %s with a message', async (_what, payload, status) => {
    const { app } = await build();
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers: json, payload });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({ error: expect.any(String), message: expect.any(String) });
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded'])(
    'rejects a body of %s with 415',
    async (type) => {
      const { app } = await build();
      const headers = { 'content-type': type };
      const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: 'item=a' });
      expect(response.statusCode).toBe(415);
      expect(response.json()).toMatchObject({ error: 'Unsupported Media Type' });
      expect(response.json().message).toBe(`the body must be application/json, got "${type}"`);
      expect(response.headers.accept).toBe('application/json');
    },
  );

  it('asks who sends nothing for a body', async () => {
    const { app } = await build();
    const response = await app.inject({ method: 'POST', url: '/api/orders' });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({
      error: 'Bad Request',
      message: 'a body of application/json is required',
    });
  });

  it('tells a body that says nothing of its type what to say', async () => {
    const { app } = await build();
    const payload = Buffer.from(JSON.stringify(validOrder));
    const response = await app.inject({ method: 'POST', url: '/api/orders', payload });
    expect(response.statusCode).toBe(415);
    expect(response.json().message).toBe('the body must be application/json, and Content-Type must say so');
  });

  it('repeats no more of a type than fits a line', async () => {
    const { app } = await build();
    const headers = { 'content-type': `text/${'x'.repeat(5_000)}` };
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: 'a' });
    expect(response.statusCode).toBe(415);
    expect(response.body.length).toBeLessThan(300);
  });

  it('gives back what the rate limit has taken for an order rejected at the second look, and tells who leaves so', async () => {
    const { app, clock, drain, order } = await build({
      WORKERS: '1',
      QUEUE_CAPACITY: '1',
      RATE_LIMIT_BURST: '1',
      RATE_LIMIT_PER_SECOND: '1',
      SHUTDOWN_GRACE_MS: '5000',
    });
    const users = ['ann', 'bob', 'cid', 'dan'];
    const replies = await Promise.all(users.map((user) => order(user)));
    const rejected = users.filter((_, i) => replies[i]?.statusCode === 503);
    expect(rejected.length).toBeGreaterThan(0);
    await clock.advance(500);
    for (const user of rejected.slice(0, 1)) expect((await order(user)).statusCode).toBe(202);

    const late = order('eve');
    const drained = drain();
    expect((await late).json()).toEqual({ error: 'Service shutting down', retryAfter: 5 });
    await clock.advance(5_000);
    await drained;
    expect(app.backpressure.shuttingDown).toBe(true);
  });

  it('rejects at the second look an order that found the queue full only after its body was read', async () => {
    const { app, clock } = await build({ WORKERS: '1', QUEUE_CAPACITY: '1', RATE_LIMIT_BURST: '100' });
    const together = await Promise.all(
      Array.from({ length: 5 }, () =>
        app.inject({ method: 'POST', url: '/api/orders', payload: validOrder }),
      ),
    );
    await clock.advance(0);
    const statuses = together.map(({ statusCode }) => statusCode).sort();
    expect(statuses.filter((status) => status === 202).length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([202, 503]));
    for (const { statusCode, headers, body } of together) {
      if (statusCode === 503) {
        expect(body).toBe(`{"error":"Service overloaded","retryAfter":${headers['retry-after']}}`);
      }
    }
  });
});

describe('GET /api/orders/:orderId', () => {
  it('shows an order on its way', async () => {
    const { app, clock, order } = await build();
    await order();
    const get = async () => (await app.inject('/api/orders/order-1')).json();
    await clock.advance(0);
    expect(await get()).toEqual({ orderId: 'order-1', state: 'processing', ...validOrder });
    await clock.advance(100);
    expect(await get()).toEqual({
      orderId: 'order-1',
      state: 'paid',
      ...validOrder,
      paymentId: 'payment-1',
    });
  });

  it.each(['/api/orders/order-2', '/api/orders/__proto__', '/api/orders/order-01'])(
    'answers 404 for %s',
    async (url) => {
      const { app } = await build();
      const response = await app.inject(url);
      expect(response.statusCode).toBe(404);
      expect(response.json()).toEqual({ error: 'Not Found', message: expect.any(String) });
    },
  );
});
