import { type CallContext, RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import type { LoadSource } from '../src/index.ts';
import { build, FakeLimiter, FakeSource } from './harness.ts';

describe('load as a wait at a source', () => {
  it('rejects when the wait reaches the maximum, with the time until it is short enough', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source], maxWaitMs: 500 } });
    app.get('/', () => 'ok');
    source.waitMs = 499;
    expect((await app.inject('/')).statusCode).toBe(200);
    source.waitMs = 3000;
    const rejected = await app.inject('/');
    expect(rejected.statusCode).toBe(503);
    expect(rejected.headers['retry-after']).toBe('3');
    expect(rejected.body).toBe('{"error":"Service overloaded","retryAfter":3}');
    expect(app.backpressure.stats()).toMatchObject({ pressure: 6, overloaded: true, rejected: { load: 1 } });
  });

  it('is decided by the rejection of a source that bounds itself, whatever its wait', async () => {
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter] } });
    app.get('/', () => 'ok');
    limiter.waitMs = 60_000;
    expect((await app.inject('/')).statusCode).toBe(200);
    limiter.rejection = new RejectedError('QUEUE_FULL', 'payments', { retryAfterMs: 9001 });
    expect((await app.inject('/')).headers['retry-after']).toBe('10');
    expect(app.backpressure.stats()).toMatchObject({ pressure: 1, rejectedBy: { payments: 1 } });
  });

  it('is also decided by maxWaitMs at such a source where it is given, for the plugin or a route', async () => {
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter], maxWaitMs: 100 } });
    const route = await build({ load: { sources: [limiter] } });
    const config = { backpressure: { load: { maxWaitMs: 100 } } };
    app.get('/', () => 'ok');
    route.app.get('/', { config }, () => 'ok');
    limiter.waitMs = 1099;
    for (const { body } of [await app.inject('/'), await route.app.inject('/')]) {
      expect(body).toBe('{"error":"Service overloaded","retryAfter":1}');
    }
    expect(app.backpressure.stats()).toMatchObject({ rejectedBy: { limiter: 1 } });
  });

  it('is that of the source with the longest wait', async () => {
    const [first, second] = [new FakeSource(), new FakeSource()];
    const { app } = await build({ load: { sources: [first, second] }, deadline: {} });
    app.get('/', () => 'ok');
    second.waitMs = 4000;
    expect((await app.inject('/')).json()).toEqual({ error: 'Service overloaded', retryAfter: 4 });
    const hopeless = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '1000' } });
    expect(hopeless.json()).toEqual({ error: 'Service overloaded', retryAfter: 4 });
    expect(app.backpressure.stats()).toMatchObject({ pressure: 40, rejected: { load: 1, deadline: 1 } });
  });

  it('is estimated for the priority, deadline and key of the request, at the cost of one call', async () => {
    const calls: CallContext[] = [];
    const source: LoadSource = {
      estimatedWaitMs: (ctx) => {
        if (ctx?.deadline !== undefined) calls.push(ctx);
        return 0;
      },
    };
    const { app } = await build({
      load: { sources: [source] },
      deadline: {},
      tiers: { gold: { priority: 3 } },
      tierOf: () => 'gold',
    });
    app.get('/', () => 'ok');
    await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
    expect(calls.map(({ priority }) => priority)).toEqual([3, 3]);
    expect(calls.at(-1)).toMatchObject({ priority: 3, deadline: 1500, key: 'ip:127.0.0.1' });
    expect(calls.at(-1)?.cost ?? 1).toBe(1);
  });
});

describe('load by client', () => {
  it('rejects the client that would wait too long at a fair source, and admits others', async () => {
    const keys: (string | undefined)[] = [];
    const source: LoadSource = {
      estimatedWaitMs: ({ key } = {}) => {
        keys.push(key);
        return key === keys[0] ? 3_000 : 0;
      },
    };
    const { app } = await build({
      load: { sources: [source] },
      deadline: {},
      rateLimit: { rate: 1_000, key: ({ headers }) => headers['x-user-id'] as string },
    });
    app.get('/', (request) => request.backpressure.key);
    const send = (user: string) => app.inject({ url: '/', headers: { 'x-user-id': user } });
    expect((await send('heavy')).statusCode).toBe(503);
    const light = await send('light');
    expect(light.statusCode).toBe(200);
    expect(light.body).toBe(keys.at(-1));
    const late = { 'x-user-id': 'heavy', 'x-request-timeout-ms': '500' };
    expect((await app.inject({ url: '/', headers: late })).statusCode).toBe(503);
    expect(app.backpressure.stats().rejected).toMatchObject({ load: 1, deadline: 1 });
  });
});

describe('load and priority', () => {
  /** A server that has seen one gold request in ten. */
  async function server(headroom?: number) {
    const source = new FakeSource();
    const { app, clock } = await build({
      load: { sources: [source], maxWaitMs: 100, headroom },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    app.get('/', () => 'ok');
    const status = async (tier: string) =>
      (await app.inject({ url: '/', headers: tier === '' ? {} : { 'x-tier': tier } })).statusCode;
    for (let i = 0; i < 50; i++) await status(i % 10 === 0 ? 'gold' : '');
    // Ranks are taken every 100 ms.
    await clock.advance(100);
    return { source, status };
  }

  it('rejects the least important first, the most important last', async () => {
    const { source, status } = await server();
    const passes = async (waitMs: number) => {
      source.waitMs = waitMs;
      return [(await status('')) === 200, (await status('gold')) === 200];
    };
    expect(await passes(89)).toEqual([true, true]);
    expect(await passes(91), 'a tenth of what is served overtakes the others').toEqual([false, true]);
    expect(await passes(170)).toEqual([false, true]);
    expect(await passes(200), 'twice the limit rejects all').toEqual([false, false]);
  });

  it('treats all alike without headroom', async () => {
    const { source, status } = await server(0);
    source.waitMs = 100;
    expect([await status(''), await status('gold')]).toEqual([503, 503]);
  });

  it('rejects a background request before the rest of its tier', async () => {
    const source = new FakeSource();
    const { app, clock } = await build({ load: { sources: [source] } });
    app.get('/', () => 'ok');
    const status = async (priority?: string) =>
      (await app.inject({ url: '/', headers: priority === undefined ? {} : { priority } })).statusCode;
    for (let i = 0; i < 40; i++) await status(i % 2 === 0 ? 'u=7' : undefined);
    await clock.advance(100);
    source.waitMs = 110;
    expect([await status('u=7'), await status(), await status('u=0')]).toEqual([503, 200, 200]);
  });
});
