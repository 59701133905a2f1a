import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure, type RouteBackpressureOptions } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

const of = (options: RouteBackpressureOptions | false) => ({ config: { backpressure: options } });

describe('an exempt route', () => {
  it('is named by its URL as registered, with its prefix', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 }, exempt: ['/internal/health/:part'] });
    app.get('/', () => 'ok');
    await app.register(async (child) => void child.get('/health/:part', () => 'well'), {
      prefix: '/internal',
    });
    await app.inject('/');
    expect((await app.inject('/')).statusCode).toBe(429);
    for (let i = 0; i < 3; i++) expect((await app.inject('/internal/health/db')).body).toBe('well');
    expect((await app.inject({ method: 'HEAD', url: '/internal/health/db' })).statusCode).toBe(200);
  });

  it('that does not exist fails the start: it is a typing error', async () => {
    const app = Fastify();
    await app.register(backpressure, { exempt: ['/helth'] });
    app.get('/health', () => 'ok');
    await expect(app.ready()).rejects.toThrow(
      'exempt must name routes, got "/helth", which is not registered',
    );
    await app.close();
  });

  it('may be exempt by its own config, and still has a context', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 }, deadline: {} });
    app.get('/', of(false), ({ backpressure: { deadline } }) => ({ deadline }));
    for (let i = 0; i < 3; i++) {
      const answer = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '5' } });
      expect(answer.json()).toEqual({ deadline: 1005 });
    }
    expect(app.backpressure.stats()).toMatchObject({ admitted: 3, active: 0 });
  });

  it.each([
    [{ costs: 2 }, 'unknown option config.backpressure of /health.costs'],
    [{ cost: -1 }, 'config.backpressure of /health.cost must be'],
    ['nonsense', 'config.backpressure of /health must be an object'],
  ])('has its own options checked, although it has no gates: %j', async (options, message) => {
    const { app } = await build({ exempt: ['/health'] });
    expect(() => app.get('/health', of(options as RouteBackpressureOptions), () => 'ok')).toThrow(message);
    app.get('/health', of({ cost: 2, deadline: { maxMs: 50 } }), () => 'ok');
    app.backpressure.shutDown();
    expect((await app.inject('/health')).statusCode).toBe(200);
  });

  it('is exempt also if it was registered before the plugin', async () => {
    const app = Fastify();
    app.get('/health', () => 'ok');
    await app.register(backpressure, { exempt: ['/health'] });
    app.backpressure.shutDown();
    expect((await app.inject('/health')).statusCode).toBe(200);
    await app.close();
  });
});

describe('the settings of a route', () => {
  it('may be a limit of its own, shared by routes given the same object', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    const strict = { rate: 1, burst: 2, policy: 'strict' };
    app.get('/usual', () => 'ok');
    app.get('/a', of({ rateLimit: strict }), () => 'ok');
    app.get('/b', of({ rateLimit: strict }), () => 'ok');
    app.get('/free', of({ rateLimit: false }), () => 'ok');
    const statuses = [];
    for (const url of ['/usual', '/usual', '/a', '/b', '/a', '/b', '/free', '/free']) {
      statuses.push((await app.inject(url)).statusCode);
    }
    expect(statuses).toEqual([200, 429, 200, 200, 429, 429, 200, 200]);
    expect((await app.inject('/a')).headers.ratelimit).toContain('"strict"');
  });

  it('may be a cost', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 10 } });
    app.get('/heavy', of({ cost: 4 }), () => 'ok');
    app.get('/free', of({ cost: 0 }), () => 'ok');
    const statuses = [];
    for (const url of ['/heavy', '/heavy', '/heavy', '/free', '/free'])
      statuses.push((await app.inject(url)).statusCode);
    expect(statuses).toEqual([200, 200, 429, 200, 200]);
  });

  it('may be other sources or none', async () => {
    const [orders, reports] = [new FakeSource(), new FakeSource()];
    const { app } = await build({ load: { sources: [orders] } });
    app.get('/orders', () => 'ok');
    app.get('/reports', of({ load: { sources: [reports], maxWaitMs: 5000 } }), () => 'ok');
    app.get('/ping', of({ load: false }), () => 'ok');
    orders.waitMs = 1000;
    reports.waitMs = 1000;
    const status = async (url: string) => (await app.inject(url)).statusCode;
    expect([await status('/orders'), await status('/reports'), await status('/ping')]).toEqual([
      503, 200, 200,
    ]);
    reports.waitMs = 5000;
    expect(await status('/reports')).toBe(503);
  });

  it('may be other bounds of the deadline', async () => {
    const { app } = await build({ deadline: { maxMs: 1000 } });
    app.get('/', of({ deadline: { maxMs: 60_000, defaultMs: 30_000, marginMs: 0 } }), ({ backpressure }) => ({
      leftMs: backpressure.remainingMs(),
    }));
    expect((await app.inject('/')).json()).toEqual({ leftMs: 30_000 });
  });

  it.each([
    [{ cost: -1 }, 'cost must be'],
    [{ priority: 0.5 }, 'priority must be'],
    [{ rateLimit: { rate: -1 } }, 'rateLimit.rate must be'],
    [{ rateLimit: { rate: 1, fields: 'sometimes' } }, 'rateLimit.fields must be one of'],
    [{ load: { maxWaitMs: 0 } }, 'load.maxWaitMs must be'],
    [{ deadline: { maxMs: 0 } }, 'deadline.maxMs must be'],
    [{ mapErrors: 'no' }, 'mapErrors must be'],
    [{ costs: 2 }, 'unknown option config.backpressure of /broken.costs'],
    [{ rateLimit: { rate: 1, burts: 2 } }, 'rateLimit.burst?'],
    [
      { load: { sources: [], eventLoop: false } },
      'unknown option config.backpressure of /broken.load.eventLoop',
    ],
    [{ deadline: { max: 5 } }, 'deadline.maxMs?'],
    ['nonsense', 'config.backpressure of /broken must be an object'],
  ])('are checked when it is registered: %j', async (options, message) => {
    const { app } = await build({ load: {} });
    const register = (): unknown => app.get('/broken', of(options as RouteBackpressureOptions), () => 'ok');
    expect(register).toThrow(message);
  });

  it('name the route when they are wrong, and need the gate of the plugin', async () => {
    const { app } = await build({});
    expect(() => app.get('/orders', of({ load: { maxWaitMs: 5 } }), () => 'ok')).toThrow(
      "config.backpressure of /orders.load needs the plugin's load option",
    );
  });
});
