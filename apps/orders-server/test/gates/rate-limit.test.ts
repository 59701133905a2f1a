import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { clientOf } from '../../src/gates/rate-limit.ts';
import { build, postOrder, validOrder } from '../build.ts';

const roomy = { WORKERS: '100', QUEUE_CAPACITY: '1000' };

describe('the rate limit gate', () => {
  it('refuses a client beyond its burst with 429, the wait in whole seconds in header and body', async () => {
    const { order } = await build({ ...roomy, RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '3' });
    for (let i = 0; i < 3; i++) expect((await order('ann')).statusCode).toBe(202);
    const refused = await order('ann');
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(refused.body).toBe('{"error":"Rate limit exceeded","retryAfter":1}');
  });

  it('admits the refused client again after the wait it was told, and not before its next token', async () => {
    const { clock, order } = await build({ ...roomy, RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '1' });
    await order('ann');
    await clock.advance(999);
    expect((await order('ann')).json(), `now ${clock.now()}`).toMatchObject({ retryAfter: 1 });
    await clock.advance(1);
    expect((await order('ann')).statusCode, `now ${clock.now()}`).toBe(202);
  });

  it('leaves the other clients alone', async () => {
    const { order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    expect((await order('ann')).statusCode).toBe(429);
    expect((await order('bob')).statusCode).toBe(202);
  });

  it('counts those without a usable user id by their address', async () => {
    const { app } = await build({ ...roomy, RATE_LIMIT_BURST: '2' });
    for (const user of ['', 'a b', 'x'.repeat(65), 'ann<script>']) await postOrder(app, user);
    const headers = { 'x-user-id': 'ann, bob' };
    const response = await app.inject({ method: 'POST', url: '/api/orders', headers, payload: validOrder });
    expect(response.statusCode).toBe(429);
  });

  it('tells the policy and what is left in structured fields, and never a time later than Retry-After', async () => {
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

  it('answers with problem details a client that asks for them', async () => {
    const { app, order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    const refused = await app.inject({
      method: 'POST',
      url: '/api/orders',
      headers: { 'x-user-id': 'ann', accept: 'application/problem+json' },
      payload: validOrder,
    });
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(refused.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Rate limit exceeded',
      status: 429,
      'violated-policies': ['orders'],
      retryAfter: 1,
    });
  });

  it('stands before new orders only', async () => {
    const { app, order } = await build({ ...roomy, RATE_LIMIT_BURST: '1' });
    await order('ann');
    const headers = { 'x-user-id': 'ann' };
    for (const url of ['/api/orders/order-1', '/api/metrics', '/health']) {
      expect((await app.inject({ url, headers })).statusCode).toBe(200);
    }
  });
});

describe('clientOf', () => {
  it.each(['ann', 'ann@example.com', 'org:7_a-b.c', 'x'.repeat(64), '__proto__'])(
    'knows the user %s',
    (user) => {
      expect(clientOf({ headers: { 'x-user-id': user }, ip: '10.0.0.1' })).toBe(`id:${user}`);
    },
  );

  it.each([undefined, '', ' ', 'a b', 'ann, bob', 'é', 'x'.repeat(65)])(
    'takes the address of who calls itself %j',
    (user) => {
      expect(clientOf({ headers: { 'x-user-id': user }, ip: '10.0.0.1' })).toBe('ip:10.0.0.1');
    },
  );

  it('takes all addresses of one customer for one client', () => {
    const [one, other] = ['2001:db8::1', '2001:db8::ffff:2'].map((ip) => clientOf({ headers: {}, ip }));
    expect(other).toBe(one);
  });

  it('never takes a user for an address', () => {
    expect(clientOf({ headers: { 'x-user-id': '10.0.0.1' }, ip: '::1' })).not.toBe(
      clientOf({ headers: {}, ip: '10.0.0.1' }),
    );
  });
});
