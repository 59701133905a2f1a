import { RejectedError } from '@bp/core';
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

  it('is who asks in the context of a request, for pools that share fairly', async () => {
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
    const [ada, again, bob, nobody] = keys.map((answer) => answer.json().key);
    expect(ada).toBe(again);
    expect(new Set([ada, bob, nobody]).size).toBe(3);
  });

  it('counts by the user function, by the address where it says nothing, and never takes one for the other', async () => {
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

  it('takes a /64 of IPv6 for one client and an IPv4 address mapped into IPv6 for itself', async () => {
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

  it('never says when to come back to who never can', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    app.get('/', { config: { backpressure: { cost: 2 } } }, () => 'ok');
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

  it('is asked with the key and the cost, and rejects with the time it says', async () => {
    const asked: unknown[] = [];
    const { app } = await build({
      deadline: {},
      rateLimit: {
        limiter: {
          async acquire(ctx) {
            asked.push(ctx);
            if (asked.length > 1) throw new RejectedError('RATE_LIMITED', 'redis', { retryAfterMs: 2500 });
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
    expect(asked).toEqual([
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

  it('stands before the load gate, which judges by the time at which it answered', async () => {
    const { app } = await build({
      rateLimit: { limiter: shared(() => undefined) },
      load: { sources: [{ estimatedWaitMs: () => 500 }] },
    });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
  });
});
