import { describe, expect, it } from 'vitest';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import { build } from '../build.ts';

const json = { 'content-type': 'application/json' };
const order1 = { orderId: 'order-1', amount: 100 };

describe('POST /api/orders', () => {
  it('answers the documented request with 202, the id of the client and the length of the queue', async () => {
    const { order } = await build({ WORKERS: '1' });
    const first = await order('user-123', order1);
    expect(first.statusCode).toBe(202);
    expect(first.body).toBe('{"message":"Order queued","orderId":"order-1","queueSize":0}');
    await order('user-123', { orderId: 'order-2', amount: 100 });
    const third = await order('user-123', { orderId: 'order-3', amount: 100 });
    expect(third.body).toBe('{"message":"Order queued","orderId":"order-3","queueSize":2}');
  });

  it('generates an id that the client can read its order with', async () => {
    const { order, read } = await build();
    const ids = [];
    for (let i = 0; i < 2; i++) ids.push((await order('ann', { amount: 1 })).json().orderId);
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9._:-]{1,64}$/);
      expect((await read(id, 'ann')).json()).toMatchObject({ orderId: id, amount: 1 });
    }
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('ignores unknown fields', async () => {
    const { order, read } = await build();
    const payload = { ...order1, state: 'paid', paymentKey: 'mine', item: 'book', nested: { deep: [1] } };
    expect((await order('ann', payload)).statusCode).toBe(202);
    expect((await read('order-1', 'ann')).json()).toEqual({ ...order1, state: 'processing' });
  });

  it.each([0.01, 0.07, 1.15, 19.99, 4.35, 999_999_999.99, 1e9])(
    'takes the amount %d and answers with it',
    async (amount) => {
      const { order, read } = await build();
      expect((await order('ann', { orderId: 'order-1', amount })).statusCode).toBe(202);
      expect((await read('order-1', 'ann')).json()).toMatchObject({ amount });
    },
  );

  it.each(['a', 'A.b_c:d-9', '-', 'v1..2', '__proto__', 'constructor', 'x'.repeat(64)])(
    'takes the id %s',
    async (orderId) => {
      const { order, read } = await build();
      expect((await order('ann', { orderId, amount: 1 })).json()).toMatchObject({ orderId });
      expect((await read(orderId, 'ann')).json()).toMatchObject({ orderId });
      expect((await read(encodeURIComponent(orderId), 'ann')).json()).toMatchObject({ orderId });
    },
  );

  it.each([
    ['an amount that is missing', { orderId: 'a' }, 'amount is required'],
    ['an amount of zero', { amount: 0 }, 'amount must be > 0'],
    ['a negative amount', { amount: -1 }, 'amount must be > 0'],
    ['an amount above the maximum', { amount: 1_000_000_000.01 }, 'amount must be <= 1000000000'],
    ['three decimals', { amount: 1.005 }, 'amount must have at most two decimals'],
    ['less than a cent', { amount: 1e-7 }, 'amount must have at most two decimals'],
    ['an amount in a string', { amount: '100' }, 'amount must be number'],
    ['an amount of null', { amount: null }, 'amount must be number'],
    ['an empty id', { ...order1, orderId: '' }, /^orderId must match pattern/],
    ['an id of 65 characters', { ...order1, orderId: 'x'.repeat(65) }, /^orderId must match pattern/],
    ['an id with a slash', { ...order1, orderId: '../etc' }, /^orderId must match pattern/],
    ['an id with a letter beyond ASCII', { ...order1, orderId: 'é' }, /^orderId must match pattern/],
    ['an id with a line break', { ...order1, orderId: 'a\n' }, /^orderId must match pattern/],
    ['an id that is a number', { ...order1, orderId: 7 }, 'orderId must be string'],
    ['an id of null', { ...order1, orderId: null }, 'orderId must be string'],
    ['a list', [order1], 'the body must be object'],
  ])('answers %s with 400 and names the field', async (_what, payload, message) => {
    const { order } = await build();
    const response = await order('ann', payload);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
  });

  it.each([
    ['a body that is no JSON', '{"amount":', 400],
    ['a number beyond the range of JSON', '{"amount":1e999}', 400],
    ['a body that sets the prototype', '{"__proto__":{"admin":true},"amount":1}', 400],
    ['an empty body', '', 400],
    ['a body above the limit', JSON.stringify({ ...order1, note: 'x'.repeat(17_000) }), 413],
  ])('answers %s with a message', async (_what, payload, status) => {
    const { app } = await build();
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers: json, payload });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toEqual({ error: expect.any(String), message: expect.any(String) });
  });

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded'])(
    'answers a body of %s with 415',
    async (type) => {
      const { app } = await build();
      const headers = { 'content-type': type };
      const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: 'amount=1' });
      expect(response.statusCode).toBe(415);
      expect(response.json()).toEqual({
        error: 'Unsupported Media Type',
        message: `the body must be application/json, got "${type}"`,
      });
      expect(response.headers.accept).toBe('application/json');
    },
  );

  it('answers a request without a body with 400', async () => {
    const { app } = await build();
    const response = await app.inject({ method: 'POST', url: '/api/orders' });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({
      error: 'Bad Request',
      message: 'a body of application/json is required',
    });
  });

  it('answers a body without a content type with 415', async () => {
    const { app } = await build();
    const payload = Buffer.from(JSON.stringify(order1));
    const response = await app.inject({ method: 'POST', url: '/api/orders', payload });
    expect(response.statusCode).toBe(415);
    expect(response.json().message).toBe('the body must be application/json, and Content-Type must say so');
  });

  it('repeats at most 100 characters of a content type', async () => {
    const { app } = await build();
    const headers = { 'content-type': `text/${'x'.repeat(5_000)}` };
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: 'a' });
    expect(response.statusCode).toBe(415);
    expect(response.body.length).toBeLessThan(300);
  });
});

describe('an order that is sent again', () => {
  it('is answered with 202 in every state and is charged once', async () => {
    const { clock, order, read, gateway } = await build({ WORKERS: '1', RATE_LIMIT_BURST: '20' });
    for (let i = 0; i < 3; i++) {
      const response = await order('ann', order1);
      expect(response.statusCode).toBe(202);
      expect(response.body).toBe('{"message":"Order queued","orderId":"order-1","queueSize":0}');
    }
    await clock.advance(100);
    expect((await read('order-1', 'ann')).json()).toMatchObject({ state: 'paid' });
    expect((await order('ann', order1)).statusCode).toBe(202);
    await clock.advance(1_000);
    expect(gateway.charged).toBe(1);
  });

  it('is queued once when it is sent many times at once', async () => {
    const { app, clock, order, gateway } = await build({ WORKERS: '1', RATE_LIMIT_BURST: '20' });
    await order('bob', order1);
    const responses = await Promise.all(Array.from({ length: 10 }, () => order('ann', order1)));
    expect(new Set(responses.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
    expect(new Set(responses.map((response) => response.json().orderId))).toEqual(new Set(['order-1']));
    await clock.advance(0);
    expect((await app.inject('/api/metrics')).json()).toMatchObject({ queueSize: 1 });
    await clock.advance(1_000);
    expect(gateway.charged).toBe(2);
  });

  it('is answered with 409 when the amount differs, and stays as it was', async () => {
    const { order, read } = await build();
    await order('ann', order1);
    const response = await order('ann', { ...order1, amount: 100.01 });
    expect(response.statusCode).toBe(409);
    expect(response.json()).toEqual({
      error: 'Conflict',
      message: 'order-1 was already sent with another amount',
    });
    expect((await read('order-1', 'ann')).json()).toMatchObject({ amount: 100 });
  });

  it('is the same order whether it is written 100 or 100.00', async () => {
    const { app, order } = await build();
    await order('ann', order1);
    const response = await app.inject({
      method: 'POST',
      url: '/api/orders',
      headers: { ...json, 'x-user-id': 'ann' },
      payload: '{"orderId":"order-1","amount":1.0000e2}',
    });
    expect(response.statusCode).toBe(202);
  });

  it('is accepted while the queue is full, because it has its place', async () => {
    const { clock, order } = await build({ WORKERS: '1', QUEUE_CAPACITY: '1', RETRY_SPREAD_MS: '0' });
    const together = await Promise.all(['ann', 'bob', 'ann', 'bob'].map((user) => order(user, order1)));
    expect(together.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202, 202]);
    await clock.advance(0);
  });
});

describe('orders of two clients', () => {
  it('may have the same id, and each client reads its own', async () => {
    const { clock, order, read, gateway } = await build();
    expect((await order('ann', order1)).statusCode).toBe(202);
    expect((await order('bob', { ...order1, amount: 7 })).statusCode).toBe(202);
    await clock.advance(1_000);
    expect((await read('order-1', 'ann')).json()).toMatchObject({ amount: 100, state: 'paid' });
    expect((await read('order-1', 'bob')).json()).toMatchObject({ amount: 7, state: 'paid' });
    expect((await read('order-1', 'eve')).statusCode).toBe(404);
    expect(gateway.charged).toBe(2);
  });

  it('are kept apart by address when no user id is sent', async () => {
    const { app } = await build();
    const from = (remoteAddress: string) => ({
      post: () => app.inject({ method: 'POST', url: '/api/orders', remoteAddress, payload: order1 }),
      get: (headers = {}) => app.inject({ url: '/api/orders/order-1', remoteAddress, headers }),
    });
    expect((await from('10.0.0.1').post()).statusCode).toBe(202);
    expect((await from('10.0.0.1').get()).statusCode).toBe(200);
    expect((await from('10.0.0.2').get()).statusCode).toBe(404);
    expect((await from('10.0.0.2').get({ 'x-user-id': '10.0.0.1' })).statusCode).toBe(404);
    expect((await from('10.0.0.2').get({ 'x-user-id': 'ip:10.0.0.1' })).statusCode).toBe(404);
  });
});

describe('an order that finds the queue full after its body was read', () => {
  it('is answered with 503 and gives its token back', async () => {
    const { app, clock, drain, order } = await build({
      WORKERS: '1',
      QUEUE_CAPACITY: '1',
      RATE_LIMIT_BURST: '1',
      RATE_LIMIT_PER_SECOND: '1',
      SHUTDOWN_GRACE_MS: '5000',
    });
    const users = ['ann', 'bob', 'cid', 'dan'];
    const responses = await Promise.all(users.map((user) => order(user)));
    const rejected = users.filter((_, i) => responses[i]?.statusCode === 503);
    expect(rejected.length).toBeGreaterThan(0);
    await clock.advance(500);
    for (const user of rejected.slice(0, 1)) expect((await order(user)).statusCode).toBe(202);

    const late = order('eve');
    const drained = drain();
    expect((await late).json()).toMatchObject({ error: 'Service shutting down' });
    await clock.advance(5_000);
    await drained;
    expect(app.backpressure.shuttingDown).toBe(true);
  });

  it('is answered with the same body as at the gate', async () => {
    const { app, clock } = await build({ WORKERS: '1', QUEUE_CAPACITY: '1', RATE_LIMIT_BURST: '100' });
    const together = await Promise.all(
      Array.from({ length: 5 }, () =>
        app.inject({ method: 'POST', url: '/api/orders', payload: { amount: 1 } }),
      ),
    );
    await clock.advance(0);
    const statuses = together.map(({ statusCode }) => statusCode).sort();
    expect(statuses.filter((status) => status === 202).length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([202, 503]));
    for (const { statusCode, headers, body } of together) {
      if (statusCode === 503)
        expect(body).toBe(`{"error":"Service overloaded","retryAfter":${headers['retry-after']}}`);
    }
  });
});

describe('GET /api/orders/:orderId', () => {
  it('shows the state of an order', async () => {
    const { clock, order, read } = await build();
    await order('ann', order1);
    const state = async () => (await read('order-1', 'ann')).json();
    await clock.advance(0);
    expect(await state()).toEqual({ ...order1, state: 'processing' });
    await clock.advance(100);
    expect(await state()).toEqual({ ...order1, state: 'paid', paymentId: 'payment-1' });
  });

  it.each(['order-2', '__proto__', 'order-01', 'order-1%20'])('answers 404 for %s', async (orderId) => {
    const { order, read } = await build();
    await order('ann', order1);
    const response = await read(orderId, 'ann');
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({ error: 'Not Found', message: 'no such order' });
  });

  it('shows an unresolved order apart from a failed one', async () => {
    const store = new MemoryOrderStore({ maxOrders: 10 });
    const { read } = await build({}, { store });
    const key = { client: 'id:ann', orderId: 'order-1' };
    await store.add({ ...key, amountCents: 100 });
    await store.claim(key);
    await store.complete(key, { state: 'unresolved', reason: 'payment timed out' });
    expect((await read('order-1', 'ann')).json()).toEqual({
      orderId: 'order-1',
      amount: 1,
      state: 'unresolved',
      reason: 'payment timed out',
    });
  });
});
