import { RejectedError, type RejectionCode } from '@bp/core';
import Fastify, { type FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

describe('a RejectedError that a handler throws', () => {
  it.each<[RejectionCode, number, string]>([
    ['RATE_LIMITED', 429, 'Rate limit exceeded'],
    ['QUEUE_FULL', 503, 'Service overloaded'],
    ['CONCURRENCY_LIMIT', 503, 'Service overloaded'],
    ['SHED', 503, 'Service overloaded'],
    ['CIRCUIT_OPEN', 503, 'Service unavailable'],
    ['SHUTTING_DOWN', 503, 'Service shutting down'],
    ['CANCELLED', 503, 'Request cancelled'],
    ['DEADLINE_EXCEEDED', 504, 'Deadline exceeded'],
  ])('%s is answered with %d', async (code, status, error) => {
    const { app } = await build({});
    app.get('/', () => {
      throw new RejectedError(code, 'orders', { retryAfterMs: 1001 });
    });
    const answer = await app.inject('/');
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.body).toBe(`{"error":"${error}","retryAfter":2}`);
    expect(app.backpressure.stats()).toMatchObject({ rejected: { handler: 1 }, rejectedBy: { orders: 1 } });
  });

  it('names the primitive in problem details', async () => {
    const { app } = await build({});
    app.get('/', () => {
      throw new RejectedError('QUEUE_FULL', 'payments', { retryAfterMs: 500 });
    });
    const answer = await app.inject({ url: '/', headers: { accept: 'application/problem+json' } });
    expect(answer.json()).toMatchObject({
      status: 503,
      gate: 'handler',
      code: 'QUEUE_FULL',
      rejectedBy: 'payments',
      'violated-policies': ['payments'],
      retryAfter: 1,
    });
  });

  it('is answered wherever it is thrown, and whichever copy of core made it', async () => {
    const { app } = await build({});
    const foreign = Object.assign(new Error('of another copy'), {
      code: 'QUEUE_FULL',
      limiter: 'other',
      retryAfterMs: 3000,
      [Symbol.for('@bp/core/RejectedError')]: true,
    });
    app.get('/hook', { preHandler: async () => Promise.reject(foreign) }, () => 'ok');
    app.get('/send', (_request, reply) => void reply.send(foreign));
    for (const url of ['/hook', '/send']) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.headers['retry-after']], url).toEqual([503, '3']);
    }
  });
});

describe('the Retry-After of a handler rejection', () => {
  it('is spread under overload like that of a gate, except for a rate limit', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source] }, random: () => 0.999 });
    const reject = (code: RejectionCode) => () => {
      throw new RejectedError(code, 'orders', { retryAfterMs: 1000 });
    };
    app.get('/load', () => 'ok');
    app.get('/full', { config: { backpressure: { load: false } } }, reject('QUEUE_FULL'));
    app.get('/limited', { config: { backpressure: { load: false } } }, reject('RATE_LIMITED'));
    const seconds = async (url: string) => Number((await app.inject(url)).headers['retry-after']);
    expect([await seconds('/full'), await seconds('/limited')]).toEqual([2, 2]);
    source.waitMs = 500;
    for (let i = 0; i < 8; i++) await app.inject('/load');
    expect([await seconds('/full'), await seconds('/limited')]).toEqual([9, 2]);
  });
});

describe('any other error', () => {
  it('reaches the error handlers of the user, wherever and whenever they are set', async () => {
    const { app } = await build({});
    app.get('/root', () => {
      throw new Error('root');
    });
    app.setErrorHandler((error, _request, reply) =>
      reply.code(500).send({ by: 'root', error: (error as Error).message }),
    );
    app.get(
      '/route',
      {
        errorHandler: (error, _request, reply) =>
          void reply.code(500).send({ by: 'route', error: error.message }),
      },
      () => {
        throw new Error('route');
      },
    );
    await app.register(async (child) => {
      child.setErrorHandler((error, _request, reply) =>
        reply.code(500).send({ by: 'child', error: (error as Error).message }),
      );
      child.get('/child', async () => {
        throw new Error('child');
      });
    });
    app.get(
      '/async',
      { errorHandler: (async (error: Error) => ({ by: 'async', error: error.message })) as never },
      () => {
        throw new Error('async');
      },
    );
    expect((await app.inject('/async')).json()).toEqual({ by: 'async', error: 'async' });
    expect((await app.inject('/root')).json()).toEqual({ by: 'root', error: 'root' });
    expect((await app.inject('/child')).json()).toEqual({ by: 'child', error: 'child' });
    expect((await app.inject('/route')).json()).toEqual({ by: 'route', error: 'route' });
  });

  it('is answered as Fastify does, with its status and after its onError hooks ran once', async () => {
    const { app } = await build({});
    let seen = 0;
    app.addHook('onError', async () => void seen++);
    app.post('/', { schema: { body: { type: 'object', required: ['id'] } } }, () => {
      throw Object.assign(new Error('teapot'), { statusCode: 418 });
    });
    const invalid = await app.inject({ method: 'POST', url: '/', payload: {} });
    expect(invalid.json()).toMatchObject({
      statusCode: 400,
      message: "body must have required property 'id'",
    });
    expect(seen).toBe(1);
    expect((await app.inject({ method: 'POST', url: '/', payload: { id: 1 } })).statusCode).toBe(418);
    expect(seen).toBe(2);
  });
});

describe('a server with an error handler of its own', () => {
  it('can be registered in any order without a warning from Fastify', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', onWarning);
    for (const first of [true, false]) {
      const app = Fastify();
      const own = (error: unknown) => ({ own: (error as Error).message });
      if (first) app.setErrorHandler(own);
      await app.register(backpressure, {});
      if (!first) app.setErrorHandler(own);
      app.get('/', () => {
        throw new Error('x');
      });
      expect((await app.inject('/')).json()).toEqual({ own: 'x' });
      await app.close();
    }
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('may turn mapErrors off and send rejections itself', async () => {
    const { app } = await build({ mapErrors: false });
    app.setErrorHandler((error, request, reply) => {
      if (!app.backpressure.sendRejection(error, request, reply)) void reply.code(500).send({ own: true });
    });
    app.get('/rejected', () => {
      throw new RejectedError('QUEUE_FULL', 'orders', { retryAfterMs: 100 });
    });
    app.get('/broken', () => {
      throw new Error('x');
    });
    expect((await app.inject('/rejected')).json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
    expect((await app.inject('/broken')).json()).toEqual({ own: true });
  });

  it('may turn mapErrors off on one route', async () => {
    const { app } = await build({});
    app.get('/', { config: { backpressure: { mapErrors: false } } }, () => {
      throw new RejectedError('QUEUE_FULL', 'orders');
    });
    expect((await app.inject('/')).json()).toMatchObject({ statusCode: 500, code: 'QUEUE_FULL' });
  });
});

describe('the tokens of a request that its handler rejected', () => {
  it.each<[RejectionCode, boolean, number]>([
    ['QUEUE_FULL', false, 200],
    ['CONCURRENCY_LIMIT', false, 200],
    ['SHED', false, 200],
    ['SHED', true, 429],
    ['CIRCUIT_OPEN', false, 429],
    ['RATE_LIMITED', false, 429],
    ['DEADLINE_EXCEEDED', false, 429],
  ])('after %s, work begun: %s, give the next request %d', async (code, workBegan, status) => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    app.get('/full', async () => Promise.reject(new RejectedError(code, 'orders', { workBegan })));
    app.get('/', () => 'ok');
    await app.inject('/full');
    expect((await app.inject('/')).statusCode).toBe(status);
  });

  it('are given back at the cost of the route, to the same client', async () => {
    const key = ({ headers }: FastifyRequest) => String(headers['x-user-id']);
    const { app } = await build({ rateLimit: { rate: 1, burst: 5, key } });
    const costly = { config: { backpressure: { cost: 5 } } };
    app.get('/full', costly, async () => Promise.reject(new RejectedError('QUEUE_FULL', 'orders')));
    app.get('/', costly, () => 'ok');
    const send = async (url: string, user: string) =>
      (await app.inject({ url, headers: { 'x-user-id': user } })).statusCode;
    expect(await send('/', 'bob')).toBe(200);
    expect(await send('/full', 'ada')).toBe(503);
    expect([await send('/', 'ada'), await send('/', 'ada'), await send('/', 'bob')]).toEqual([200, 429, 429]);
  });
});

describe('a handler that is rejected because the server shuts down', () => {
  it('sends the time until the server has ended', async () => {
    const { app } = await build({});
    app.get('/', async () => {
      app.backpressure.shutDown({ withinMs: 4000 });
      throw new RejectedError('SHUTTING_DOWN', 'orders');
    });
    expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 4 });
  });

  it('sends the default of an unknown wait without withinMs', async () => {
    const { app } = await build({});
    app.get('/', async () => Promise.reject(new RejectedError('SHUTTING_DOWN', 'orders')));
    expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 10 });
  });
});
