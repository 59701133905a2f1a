import { RejectedError } from '@bp/core';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { SharedRateLimiter } from '../src/index.ts';
import { build } from './harness.ts';

const user = (id: string, headers: Record<string, string> = {}) => ({
  method: 'GET' as const,
  url: '/',
  headers: { 'x-user-id': id, ...headers },
});

describe('the limit of a client', () => {
  it('admits the burst, then rejects with the exact wait in whole seconds, rounded up', async () => {
    const { app, clock } = await build({ rateLimit: { rate: 1, intervalMs: 1500, burst: 2 } });
    app.get('/', () => 'ok');
    const statuses = [await app.inject('/'), await app.inject('/')].map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([200, 200]);

    const rejected = await app.inject('/');
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers['retry-after']).toBe('2');
    expect(rejected.body).toBe('{"error":"Rate limit exceeded","retryAfter":2}');
    expect(rejected.headers['content-type']).toBe('application/json; charset=utf-8');

    await clock.advance(1499);
    expect((await app.inject('/')).statusCode, `at ${clock.now()}`).toBe(429);
    await clock.advance(1);
    expect((await app.inject('/')).statusCode, `at ${clock.now()}`).toBe(200);
  });

  it('gives the context of a request its key, for pools that share fairly', async () => {
    const { app } = await build({
      rateLimit: { rate: 10, key: ({ headers }) => headers['x-user-id'] as string | undefined },
    });
    app.get('/', ({ backpressure }) => ({ key: backpressure.key }));
    const keys = await Promise.all([
      app.inject(user('ada')),
      app.inject(user('ada')),
      app.inject(user('bob')),
      app.inject('/'),
    ]);
    const [ada, again, bob, anonymous] = keys.map((answer) => answer.json().key);
    expect(ada).toBe(again);
    expect(new Set([ada, bob, anonymous]).size).toBe(3);
  });

  it('identifies a client by its key, or by its address without one, and never confuses the two', async () => {
    const { app } = await build({
      rateLimit: { rate: 1, burst: 1, key: ({ headers }) => headers['x-user-id'] as string | undefined },
    });
    app.get('/', () => 'ok');
    const status = async (request: object) => (await app.inject({ url: '/', ...request })).statusCode;
    expect(await status(user('ada'))).toBe(200);
    expect(await status(user('ada'))).toBe(429);
    expect(await status(user('bob'))).toBe(200);
    expect(await status(user('10.0.0.9'))).toBe(200);
    expect(await status({ remoteAddress: '10.0.0.9' })).toBe(200);
    expect(await status({ remoteAddress: '10.0.0.9' })).toBe(429);
    expect(await status({ ...user(''), remoteAddress: '10.0.0.9' })).toBe(429);
  });

  it('treats a /64 of IPv6 as one client and a mapped IPv4 address as that address', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    app.get('/', () => 'ok');
    const from = async (remoteAddress: string) => (await app.inject({ url: '/', remoteAddress })).statusCode;
    expect(await from('2001:db8:1:2::1')).toBe(200);
    expect(await from('2001:db8:1:2:ffff::9')).toBe(429);
    expect(await from('2001:db8:1:3::1')).toBe(200);
    expect(await from('192.0.2.1')).toBe(200);
    expect(await from('::ffff:192.0.2.1')).toBe(429);
  });

  it('is the one of its tier', async () => {
    const { app } = await build({
      rateLimit: { rate: 1, burst: 1, key: ({ headers }) => headers['x-user-id'] as string },
      tiers: {
        gold: { rateLimit: { rate: 10, burst: 3 } },
        unlimited: { rateLimit: { rate: Infinity } },
        plain: {},
      },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    app.get('/', () => 'ok');
    const admitted = async (tier: string) => {
      const headers = tier === '' ? {} : { 'x-tier': tier };
      let count = 0;
      while (count < 9 && (await app.inject(user(`of ${tier}`, headers))).statusCode === 200) count++;
      return count;
    };
    expect(await admitted('')).toBe(1);
    expect(await admitted('plain')).toBe(1);
    expect(await admitted('not configured')).toBe(1);
    expect(await admitted('gold')).toBe(3);
    expect(await admitted('unlimited')).toBe(9);
  });

  it('sends no Retry-After if the request can never be admitted', async () => {
    const { app } = await build({ rateLimit: { rate: 0 } });
    app.get('/', () => 'ok');
    const rejected = await app.inject('/');
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers).not.toHaveProperty('retry-after');
    expect(rejected.body).toBe('{"error":"Rate limit exceeded"}');
  });
});

describe('a limit that is kept elsewhere', () => {
  const shared = (decide: (key: string | undefined) => Error | undefined): SharedRateLimiter => ({
    async acquire({ key }) {
      const error = decide(key);
      if (error !== undefined) throw error;
    },
  });

  it('receives key, cost and deadline, and its rejection is the response', async () => {
    const calls: unknown[] = [];
    const { app } = await build({
      deadline: {},
      rateLimit: {
        limiter: {
          async acquire(ctx) {
            calls.push(ctx);
            if (calls.length > 1) throw new RejectedError('RATE_LIMITED', 'redis', { retryAfterMs: 2500 });
          },
        },
        key: ({ headers }) => headers['x-user-id'] as string,
      },
    });
    app.get('/', { config: { backpressure: { cost: 3 } } }, () => 'ok');
    app.get('/free', { config: { backpressure: { cost: 0 } } }, () => 'ok');
    expect((await app.inject(user('ada', { 'x-request-timeout-ms': '500' }))).statusCode).toBe(200);
    expect((await app.inject({ ...user('ada'), url: '/free' })).statusCode).toBe(200);
    const rejected = await app.inject(user('ada'));
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers).toMatchObject({ 'retry-after': '3', ratelimit: '"default";r=0;t=3' });
    expect(calls).toMatchObject([
      { key: 'id:ada', cost: 3, deadline: 1500 },
      { key: 'id:ada', cost: 3, deadline: undefined },
    ]);
  });

  it('may reject for another reason, and its errors are errors', async () => {
    let error: Error = new RejectedError('SHUTTING_DOWN', 'redis');
    const { app } = await build({ rateLimit: { limiter: shared(() => error) } });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 10 });
    expect(app.backpressure.stats()).toMatchObject({ rejected: { rate_limit: 1 }, rejectedBy: { redis: 1 } });
    error = new Error('broken');
    expect((await app.inject('/')).statusCode).toBe(500);
  });

  it('decides before the load gate, which uses the time of its answer', async () => {
    const { app } = await build({
      rateLimit: { limiter: shared(() => undefined) },
      load: { sources: [{ estimatedWaitMs: () => 500 }] },
    });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
  });
});

describe('the limit of a route', () => {
  const gold = {
    tiers: { gold: { rateLimit: { rate: 20, burst: 20 } }, trial: { rateLimit: { rate: 1, burst: 1 } } },
    tierOf: ({ headers }: FastifyRequest) => headers['x-tier'] as string | undefined,
  };
  const key = ({ headers }: FastifyRequest) => headers['x-user-id'] as string | undefined;

  it.each([
    ['', 2],
    ['gold', 2],
    ['trial', 1],
  ])('holds for a client of tier %j, which a tier can only make stricter: %d', async (tier, expected) => {
    const { app } = await build({ rateLimit: { rate: 5 }, ...gold });
    const login = { rate: 2, intervalMs: 60_000, policy: 'login' };
    app.post('/login', { config: { backpressure: { rateLimit: login } } }, () => 'ok');
    const headers = { 'x-tier': tier };
    let admitted = 0;
    let response = await app.inject({ method: 'POST', url: '/login', headers });
    while (response.statusCode === 200 && admitted < 30) {
      admitted++;
      response = await app.inject({ method: 'POST', url: '/login', headers });
    }
    expect(admitted).toBe(expected);
    expect(response.statusCode).toBe(429);
    const policy = String(response.headers['ratelimit-policy']);
    expect(policy).toContain(tier === 'trial' ? '"trial"' : '"login"');
    expect(policy, 'the stricter rate').toContain(tier === 'trial' ? 'q=1;w=30' : 'q=2;w=60');
  });

  it('tells clients apart as the plugin does, unless it says otherwise', async () => {
    const { app } = await build({ rateLimit: { rate: 5, key, fields: 'never' } });
    const own = { config: { backpressure: { rateLimit: { rate: 1, burst: 1 } } } };
    const byAddress = {
      config: { backpressure: { rateLimit: { rate: 1, burst: 1, key: () => undefined } } },
    };
    app.get('/', own, ({ backpressure }) => backpressure.key);
    app.get('/by-address', byAddress, ({ backpressure }) => backpressure.key);
    expect((await app.inject(user('ada'))).body).toBe('id:ada');
    expect((await app.inject(user('bob'))).statusCode).toBe(200);
    const rejected = await app.inject(user('ada'));
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers).not.toHaveProperty('ratelimit');
    expect((await app.inject({ ...user('ada'), url: '/by-address' })).body).toBe('ip:127.0.0.1');
    expect((await app.inject({ ...user('bob'), url: '/by-address' })).statusCode).toBe(429);
  });
});

describe('the key function', () => {
  it('may be asynchronous: each client has its own limit', async () => {
    const { app } = await build({
      rateLimit: {
        rate: 1,
        burst: 1,
        key: async ({ headers }) => {
          await null;
          return headers['x-user-id'] as string | undefined;
        },
      },
      load: {},
      deadline: {},
    });
    app.get('/', ({ backpressure }) => backpressure.key);
    expect((await app.inject(user('ada'))).body).toBe('id:ada');
    expect((await app.inject(user('bob'))).body).toBe('id:bob');
    expect((await app.inject('/')).body).toBe('ip:127.0.0.1');
    const statuses = [user('ada'), user('bob'), user('carl')].map(
      async (request) => (await app.inject(request)).statusCode,
    );
    expect(await Promise.all(statuses)).toEqual([429, 429, 200]);
  });

  it.each<[string, () => unknown]>([
    ['a number', () => 5],
    ['null', () => null],
    ['an array', () => ['ada']],
    ['a promise of a number', async () => 5],
  ])('that returns %s fails the request instead of sharing one limit', async (_name, wrong) => {
    const { app } = await build({ rateLimit: { rate: 1, key: wrong as () => string } });
    app.get('/', () => 'ok');
    const response = await app.inject('/');
    expect([response.statusCode, response.json().message]).toEqual([
      500,
      expect.stringContaining('rateLimit.key must return a string or undefined, got'),
    ]);
    expect(app.backpressure.stats()).toMatchObject({ active: 0, admitted: 0 });
  });

  it.each<[string, () => string | Promise<string>]>([
    [
      'throws',
      () => {
        throw new Error('no session');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no session'))],
  ])('that %s fails the request and not the process', async (_name, failing) => {
    const { app } = await build({ rateLimit: { rate: 1, key: failing } });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).json()).toMatchObject({ statusCode: 500, message: 'no session' });
  });

  it('may return a key of any length: a long one is hashed, the same for the same client', async () => {
    const calls: (string | undefined)[] = [];
    const { app } = await build({
      rateLimit: {
        key: ({ query }) => 'x'.repeat(Number((query as { length: string }).length)),
        limiter: { acquire: async (ctx) => void calls.push(ctx.key) },
      },
    });
    app.get('/', () => 'ok');
    for (const length of [256, 257, 100_000, 100_001, 100_000]) {
      expect((await app.inject(`/?length=${length}`)).statusCode).toBe(200);
    }
    expect(Math.max(...calls.map((key) => key?.length ?? 0))).toBeLessThanOrEqual(300);
    expect(new Set(calls).size).toBe(4);
    expect(calls[2]).toBe(calls[4]);
  });
});

describe('tierOf', () => {
  it.each<[string, () => unknown, string]>([
    ['returns a promise', async () => 'gold', 'tierOf must return a string or undefined, got'],
    ['returns a number', () => 5, 'tierOf must return a string or undefined, got'],
    [
      'throws',
      () => {
        throw new Error('no session');
      },
      'no session',
    ],
  ])('that %s fails the request and not the process', async (_name, tierOf, message) => {
    const { app } = await build({ tiers: { gold: {} }, tierOf: tierOf as () => string });
    app.get('/', () => 'ok');
    const response = await app.inject('/');
    expect([response.statusCode, response.json().message]).toEqual([500, expect.stringContaining(message)]);
  });
});
