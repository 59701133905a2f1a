import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { type Built, build, postOrder, validOrder } from '../build.ts';

const roomy = { WORKERS: '100', QUEUE_CAPACITY: '1000' };

describe('the rate limit gate', () => {
  it('rejects a client beyond its burst with 429, the wait in whole seconds in header and body', async () => {
    const { order } = await build({ ...roomy, RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '3' });
    for (let i = 0; i < 3; i++) expect((await order('ann')).statusCode).toBe(202);
    const rejected = await order('ann');
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers['retry-after']).toBe('1');
    expect(rejected.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(rejected.body).toBe('{"error":"Rate limit exceeded","retryAfter":1}');
  });

  it('admits the client again after its Retry-After, and not before its next token', async () => {
    const { clock, order } = await build({ ...roomy, RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '1' });
    await order('ann');
    await clock.advance(999);
    expect((await order('ann')).json(), `now ${clock.now()}`).toMatchObject({ retryAfter: 1 });
    await clock.advance(1);
    expect((await order('ann')).statusCode, `now ${clock.now()}`).toBe(202);
  });

  it('limits each client for itself', async () => {
    const { order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    expect((await order('ann')).statusCode).toBe(429);
    expect((await order('bob')).statusCode).toBe(202);
  });

  it('limits a client without a valid user id by its address', async () => {
    const { app } = await build({ ...roomy, RATE_LIMIT_BURST: '2' });
    for (const user of ['', 'a b', 'x'.repeat(65), 'ann<script>']) await postOrder(app, user);
    const headers = { 'x-user-id': 'ann, bob' };
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: validOrder });
    expect(response.statusCode).toBe(429);
  });

  it('sends policy and remaining tokens in structured fields, with a reset that equals Retry-After', async () => {
    const { order } = await build({ ...roomy, RATE_LIMIT_PER_SECOND: '2', RATE_LIMIT_BURST: '3' });
    const replies = [await order('ann'), await order('ann'), await order('ann'), await order('ann')];
    const fields = replies.map(({ headers }) => {
      const [[policy] = [], [limit] = []] = [headers['ratelimit-policy'], headers.ratelimit].map((field) =>
        parseList(String(field)),
      );
      return { policy, limit };
    });
    for (const { policy, limit } of fields) {
      expect(policy?.[0]).toBe('orders');
      expect(Object.fromEntries(policy?.[1] ?? [])).toEqual({ q: 4, w: 2 });
      expect(limit?.[0]).toBe('orders');
    }
    expect(fields.map(({ limit }) => limit?.[1]?.get('r'))).toEqual([2, 1, 0, 0]);
    expect(fields[3]?.limit?.[1]?.get('t')).toBe(Number(replies[3]?.headers['retry-after']));
  });

  it('answers with problem details when the client accepts them', async () => {
    const { app, order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    const rejected = await app.inject({
      method: 'POST',
      url: '/api/orders',
      headers: { 'x-user-id': 'ann', accept: 'application/problem+json' },
      payload: validOrder,
    });
    expect(rejected.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(rejected.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      gate: 'rate_limit',
      code: 'RATE_LIMITED',
      rejectedBy: 'orders',
      'violated-policies': ['orders'],
      retryAfter: 1,
    });
  });

  it('limits new orders only', async () => {
    const { app, order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    const headers = { 'x-user-id': 'ann' };
    for (const url of ['/api/metrics', '/health'])
      expect((await app.inject({ url, headers })).statusCode).toBe(200);
    expect((await app.inject({ url: '/api/orders/unknown', headers })).statusCode).toBe(404);
  });
});

describe('a client without a user id', () => {
  const one = { ...roomy, RATE_LIMIT_BURST: '1' };
  const from = async (built: Built, remoteAddress: string, headers: Record<string, string> = {}) =>
    (
      await built.app.inject({
        method: 'POST',
        url: '/api/orders',
        remoteAddress,
        headers,
        payload: validOrder,
      })
    ).statusCode;

  it('is identified by its address, or by its IPv6 network', async () => {
    const built = await build(one);
    expect(await from(built, '10.0.0.1')).toBe(202);
    expect(await from(built, '10.0.0.1')).toBe(429);
    expect(await from(built, '2001:db8::1')).toBe(202);
    expect(await from(built, '2001:db8::ffff:2')).toBe(429);
  });

  it('is not the user whose id is its address', async () => {
    const built = await build(one);
    expect(await from(built, '::1', { 'x-user-id': '10.0.0.1' })).toBe(202);
    expect(await from(built, '10.0.0.1')).toBe(202);
  });

  it('is identified by X-Forwarded-For only behind a trusted proxy', async () => {
    const forwarded = (client: string) => ({ 'x-forwarded-for': client });
    const untrusting = await build(one);
    expect(await from(untrusting, '10.0.0.1', forwarded('1.1.1.1'))).toBe(202);
    expect(await from(untrusting, '10.0.0.1', forwarded('2.2.2.2'))).toBe(429);

    const trusting = await build({ ...one, TRUST_PROXY: 'loopback, 10.0.0.0/8' });
    expect(await from(trusting, '10.0.0.1', forwarded('1.1.1.1'))).toBe(202);
    expect(await from(trusting, '10.0.0.1', forwarded('2.2.2.2'))).toBe(202);
    expect(await from(trusting, '10.0.0.2', forwarded('1.1.1.1'))).toBe(429);
    expect(await from(trusting, '9.9.9.9', forwarded('3.3.3.3'))).toBe(202);
    expect(await from(trusting, '9.9.9.9', forwarded('4.4.4.4'))).toBe(429);
  });
});
