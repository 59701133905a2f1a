import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

const TYPES = 'https://iana.org/assignments/http-problem-types#';

async function server(jitter?: number, random?: () => number) {
  const source = new FakeSource();
  const { app } = await build({
    rateLimit: { rate: 1, burst: 1, intervalMs: 10_000, policy: 'orders' },
    load: { sources: [source] },
    deadline: {},
    ...(jitter === undefined ? {} : { jitter }),
    ...(random === undefined ? {} : { random }),
  });
  app.get('/', () => 'ok');
  const send = (headers: Record<string, string> = {}, remoteAddress = '10.0.0.1') =>
    app.inject({ url: '/', headers, remoteAddress });
  await send();
  return { app, source, send };
}

describe('a rejection to a client that accepts problem details', () => {
  it('is quota-exceeded for a client above its limit', async () => {
    const { send } = await server();
    const rejected = await send({ accept: 'application/problem+json' });
    expect(rejected.statusCode).toBe(429);
    expect(rejected.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(rejected.json()).toEqual({
      type: `${TYPES}quota-exceeded`,
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      gate: 'rate_limit',
      code: 'RATE_LIMITED',
      rejectedBy: 'orders',
      'violated-policies': ['orders'],
      retryAfter: 10,
    });
    expect(rejected.headers['retry-after']).toBe('10');
  });

  it('is temporary-reduced-capacity for an overload and a shutdown', async () => {
    const { app, source, send } = await server();
    source.waitMs = 2000;
    const overloaded = await send({ accept: 'application/problem+json' }, '10.0.0.2');
    expect(overloaded.statusCode).toBe(503);
    expect(overloaded.json()).toEqual({
      type: `${TYPES}temporary-reduced-capacity`,
      title: 'Request cannot be satisfied due to temporary server capacity constraints',
      status: 503,
      gate: 'load',
      code: 'SHED',
      rejectedBy: 'load.sources[0]',
      'violated-policies': ['load.sources[0]'],
      retryAfter: 2,
    });
    app.backpressure.shutDown();
    const leaving = await send({ accept: 'application/problem+json' });
    expect(leaving.json()).toMatchObject({
      type: `${TYPES}temporary-reduced-capacity`,
      'violated-policies': ['shutdown'],
    });
  });

  it('has no specific type for a deadline', async () => {
    const { send } = await server();
    const rejected = await send({ accept: 'application/problem+json', 'x-request-timeout-ms': '1' });
    expect(rejected.json()).toEqual({
      type: 'about:blank',
      title: 'Gateway Timeout',
      status: 504,
      gate: 'deadline',
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'deadline',
    });
  });

  it.each([
    ['application/problem+json', true],
    ['Application/Problem+JSON', true],
    ['application/json, application/problem+json', true],
    ['application/problem+json;q=0.5, application/json;q=0.5', true],
    ['application/problem+json; q=0.4, application/json', false],
    ['application/problem+json;q=0', false],
    ['application/problem+json;q=nonsense', false],
    ['*/*', false],
    ['application/*', false],
    ['application/json', false],
    ['text/html,application/xhtml+xml', false],
  ])('is sent for Accept: %s or not: %s', async (accept, expected) => {
    const { send } = await server();
    const { headers } = await send({ accept });
    expect(headers['content-type']).toBe(
      expected ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8',
    );
  });
});

describe('Retry-After', () => {
  it.each([
    [0, 10],
    [0.5, 11],
    [0.999, 12],
  ])('is extended at random: %d of a fifth of the wait', async (chance, seconds) => {
    const { send } = await server(undefined, () => chance);
    expect((await send()).json()).toEqual({ error: 'Rate limit exceeded', retryAfter: seconds });
  });

  it('is exact without jitter', async () => {
    const { send } = await server(0, () => 0.999);
    expect((await send()).headers['retry-after']).toBe('10');
  });

  it('is spread, for an overload, over the time in which as many requests are admitted', async () => {
    const { source, send } = await server(undefined, () => 0.999);
    source.waitMs = 200;
    const seconds = [];
    for (let i = 0; i < 20; i++) seconds.push(Number((await send({}, `10.0.1.${i}`)).headers['retry-after']));
    expect(seconds[0], 'the first').toBe(1);
    // One was admitted in this second: to admit twenty takes as many.
    expect(seconds[19], 'the twentieth').toBe(21);
    expect([...seconds].sort((a, b) => a - b)).toEqual(seconds);
  });
});

describe('a rejection', () => {
  it('carries the headers of plugins that were registered before', async () => {
    const app = Fastify();
    app.addHook(
      'onRequest',
      async (_request, reply) => void reply.header('access-control-allow-origin', '*'),
    );
    app.addHook('onSend', async (_request, reply) => void reply.header('x-sent', 'yes'));
    await app.register(backpressure, {});
    app.get('/', () => 'ok');
    app.backpressure.shutDown();
    const { statusCode, headers } = await app.inject('/');
    expect(statusCode).toBe(503);
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'x-sent': 'yes' });
    await app.close();
  });

  it('to a HEAD request has no body', async () => {
    const { app } = await server();
    const rejected = await app.inject({ method: 'HEAD', url: '/', remoteAddress: '10.0.0.1' });
    expect([rejected.statusCode, rejected.headers['retry-after'], rejected.body]).toEqual([429, '10', '']);
  });
});
