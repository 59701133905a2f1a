import { RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { build, deferred, FakeLimiter } from './harness.ts';

describe('shutting down', () => {
  it('rejects requests with the time until the server has ended, and closes their connections', async () => {
    const { app, clock } = await build({ exempt: ['/health'] });
    let finish: (() => void) | undefined;
    app.get('/', () => new Promise<string>((resolve) => (finish = () => resolve('done'))));
    app.get('/health', (_request, reply) =>
      app.backpressure.shuttingDown ? reply.code(503).send('draining') : reply.send('ok'),
    );
    const underWay = app.inject('/');
    await app.ready();
    await new Promise(setImmediate);

    app.backpressure.shutDown({ withinMs: 9500 });
    const rejected = await app.inject('/');
    expect(rejected.statusCode).toBe(503);
    expect(rejected.headers).toMatchObject({ 'retry-after': '10', connection: 'close' });
    expect(rejected.body).toBe('{"error":"Service shutting down","retryAfter":10}');
    expect((await app.inject('/health')).body).toBe('draining');

    finish?.();
    expect((await underWay).body).toBe('done');
    await clock.advance(9600);
    expect((await app.inject('/')).headers['retry-after'], 'when it should have ended').toBe('1');
  });

  it('sends the default of an unknown time; the first withinMs stays', async () => {
    const { app } = await build({});
    app.get('/', () => 'ok');
    app.backpressure.shutDown();
    expect((await app.inject('/')).body).toBe('{"error":"Service shutting down","retryAfter":10}');
    app.backpressure.shutDown({ withinMs: 1000 });
    app.backpressure.shutDown({ withinMs: 99_000 });
    expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 1 });
    expect(app.backpressure.stats()).toMatchObject({ shuttingDown: true, rejected: { shutdown: 2 } });
  });

  it.each<[object, string]>([
    [{ deadline: 10_000 }, 'unknown option deadline'],
    [{ withinMs: -1 }, 'withinMs must be'],
    [{ withinMs: Number.NaN }, 'withinMs must be'],
    [{ withinMs: '10' }, 'withinMs must be'],
    [{ withinMs: Date.now() }, 'withinMs must be a number of at least 0 and at most ten years'],
  ])('rejects wrong options and does not begin: %j', async (options, message) => {
    const { app } = await build({});
    expect(() => app.backpressure.shutDown(options)).toThrow(message);
    expect(app.backpressure.shuttingDown).toBe(false);
  });

  it.each(['handler', 'load'] as const)(
    'is the time of a primitive that closes with it: %s',
    async (gate) => {
      const limiter = new FakeLimiter();
      const { app } = await build({ load: { sources: [limiter] }, exempt: gate === 'handler' ? ['/'] : [] });
      const closing = new RejectedError('SHUTTING_DOWN', 'pool');
      if (gate === 'load') limiter.rejection = closing;
      app.get('/', async () => Promise.reject(closing));
      expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 10 });
      if (gate === 'handler') {
        app.backpressure.shutDown({ withinMs: 60_000 });
        expect((await app.inject('/')).json()).toEqual({ error: 'Service shutting down', retryAfter: 60 });
      }
    },
  );

  it('sends its time when a source rejects a request that was read before it began', async () => {
    const limiter = new FakeLimiter();
    const key = deferred<string>();
    const { app } = await build({
      load: { sources: [limiter] },
      rateLimit: { rate: 100, key: () => key.promise },
    });
    app.get('/', () => 'ok');
    const response = app.inject('/');
    await new Promise(setImmediate);
    app.backpressure.shutDown({ withinMs: 60_000 });
    limiter.rejection = new RejectedError('SHUTTING_DOWN', 'pool');
    key.resolve('ada');
    expect((await response).json()).toEqual({ error: 'Service shutting down', retryAfter: 60 });
  });

  it('begins when the server closes', async () => {
    const { app } = await build({ load: {}, rateLimit: { rate: 1 } });
    await app.ready();
    expect(app.backpressure.shuttingDown).toBe(false);
    await app.close();
    expect(app.backpressure.shuttingDown).toBe(true);
  });
});
