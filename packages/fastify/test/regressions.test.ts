import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { RejectedError } from '@bp/core';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure } from '../src/index.ts';
import { build, deferred, FakeLoop, FakeSource } from './harness.ts';

describe('@fastify/under-pressure', () => {
  it('takes utilisation since boot; here an hour of idleness does not hide a busy interval', async () => {
    const loop = new FakeLoop();
    const { app, clock } = await build({ load: { eventLoop: { loopTime: loop.read } } });
    await app.ready();
    loop.idle += 3_600_000;
    await clock.advance(100);
    for (let i = 0; i < 5; i++) {
      loop.active += 45;
      clock.jumpTo(clock.now() + 45);
      await clock.advance(0);
    }
    const { eventLoopUtilization, eventLoopLagMs } = app.backpressure.stats();
    expect(eventLoopUtilization, 'busy all the time').toBe(1);
    expect(eventLoopLagMs).toBe(25);
  });

  it('reacts after a second at best; here the request that finds the loop blocked is rejected itself', async () => {
    const loop = new FakeLoop();
    const { app, clock } = await build({ load: { eventLoop: { loopTime: loop.read } } });
    app.get('/', () => 'ok');
    await app.ready();
    loop.active += 300;
    clock.jumpTo(clock.now() + 300);
    expect((await app.inject('/')).statusCode).toBe(503);
  });

  it('says Retry-After: 10 whatever the load; here it follows the state of what rejected', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source], maxSpreadMs: 0 } });
    app.get('/', () => 'ok');
    const seconds = [];
    for (source.waitMs of [150, 2200, 45_000]) seconds.push((await app.inject('/')).headers['retry-after']);
    expect(seconds).toEqual(['1', '3', '45']);
  });

  it('turns retryAfter: 0 into 10; here it is the least whole second', async () => {
    const { app } = await build({});
    app.get('/', () => {
      throw new RejectedError('QUEUE_FULL', 'orders', { retryAfterMs: 0 });
    });
    const answer = await app.inject('/');
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
  });

  it('rejects with one error object for all; here no error is made, so no error hook sees any', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source] }, rateLimit: { rate: 1, burst: 1 } });
    let errors = 0;
    app.addHook('onError', async () => void errors++);
    app.get('/', () => 'ok');
    source.waitMs = 500;
    const bodies = [await app.inject('/'), await app.inject('/')].map((answer) => answer.json() as unknown);
    expect(bodies[0]).toEqual(bodies[1]);
    expect(bodies[0]).not.toBe(bodies[1]);
    expect(errors).toBe(0);
  });

  it('rejects the health check, too; here a route can be exempt', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source] }, exempt: ['/health'] });
    app.get('/health', () => 'ok');
    source.waitMs = 60_000;
    expect((await app.inject('/health')).statusCode).toBe(200);
  });

  it('never turns its histogram off; here nothing is left when the server is closed', async () => {
    const { app, clock } = await build({ load: {} });
    await app.ready();
    expect(clock.pendingTimers).toBe(1);
    await app.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('accepts nonsense options in silence; here they fail the registration', async () => {
    for (const options of [
      { jitter: -1 },
      { load: { maxWaitMs: -1 } },
      { rateLimit: { rate: Number.NaN } },
    ]) {
      await expect(async () => Fastify().register(backpressure, options)).rejects.toThrow(/must be/);
    }
  });
});

describe('@fastify/rate-limit', () => {
  it('rejects with an error that is thrown, which costs more than to serve; here a rejection passes no error handler', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    let handled = 0;
    app.setErrorHandler((_error, _request, reply) => {
      handled++;
      return reply.send({});
    });
    app.get('/', () => 'ok');
    await app.inject('/');
    expect((await app.inject('/')).statusCode).toBe(429);
    expect(handled).toBe(0);
  });
});

describe('Fastify', () => {
  it('aborts request.signal of a POST as soon as its body was read; the context of the request lives on', async () => {
    const app = Fastify();
    await app.register(backpressure, {});
    const seen = deferred<boolean>();
    app.post('/', async ({ raw, backpressure: { signal } }) => {
      if (!raw.closed) await once(raw, 'close');
      seen.resolve(signal.aborted);
      return 'done';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toContain('200 OK');
    expect(await seen.promise).toBe(false);
    expect(app.backpressure.stats().disconnected).toBe(0);
    socket.destroy();
    await app.close();
  });
});

describe('@connectrpc/connect', () => {
  it('takes a timeout of 9999999999 ms for none at all, because it overflows a timer; here it is the maximum', async () => {
    const { app, clock } = await build({ deadline: { maxMs: 60_000 } });
    app.get('/', async ({ backpressure: ctx }) => {
      const { signal } = ctx;
      await clock.advance(59_999);
      return { aborted: signal.aborted, leftMs: ctx.remainingMs() };
    });
    const answer = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '9999999999' } });
    expect(answer.json()).toEqual({ aborted: false, leftMs: 1 });
  });
});
