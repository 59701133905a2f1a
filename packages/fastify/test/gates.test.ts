import { describe, expect, it } from 'vitest';
import { build, FakeSource } from './harness.ts';

/** A server whose gates all reject, so that the response shows which one decided first. */
async function hostile() {
  const source = new FakeSource();
  const { app, clock } = await build({
    rateLimit: { rate: 1, burst: 1 },
    load: { sources: [source] },
    deadline: {},
    exempt: ['/health'],
  });
  let handled = 0;
  app.post('/', () => {
    handled++;
    return 'done';
  });
  app.get('/health', () => 'ok');
  await app.inject({ method: 'POST', url: '/', payload: 'x' });
  handled = 0;
  source.waitMs = 700;
  const send = (headers: Record<string, string> = {}, url = '/', remoteAddress = '127.0.0.1') =>
    app.inject({ method: url === '/' ? 'POST' : 'GET', url, headers, remoteAddress });
  return { app, clock, source, send, handled: () => handled };
}

describe('the order of the gates', () => {
  it('is shutdown, deadline, rate limit, load', async () => {
    const { app, send, handled } = await hostile();

    expect((await send({}, '/', '10.0.0.1')).json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
    expect((await send()).json()).toEqual({ error: 'Rate limit exceeded', retryAfter: 1 });
    expect((await send({ 'x-request-timeout-ms': '5' })).json()).toEqual({ error: 'Deadline exceeded' });
    app.backpressure.shutDown();
    expect((await send({ 'x-request-timeout-ms': '5' })).json()).toEqual({
      error: 'Service shutting down',
      retryAfter: 10,
    });

    expect(handled()).toBe(0);
    expect(app.backpressure.stats().rejected).toEqual({
      shutdown: 1,
      deadline: 1,
      rate_limit: 1,
      load: 1,
      cancelled: 0,
      handler: 0,
    });
  });

  it('does not apply to exempt routes', async () => {
    const { app, send } = await hostile();
    app.backpressure.shutDown();
    expect((await send({ 'x-request-timeout-ms': '0' }, '/health')).body).toBe('ok');
  });

  it('gives back the tokens of a request that the load gate rejected', async () => {
    const { clock, source, send } = await hostile();
    await clock.advance(1000);
    for (let i = 0; i < 5; i++) expect((await send()).statusCode, `request ${i}`).toBe(503);
    source.waitMs = 0;
    expect((await send()).statusCode).toBe(200);
    expect((await send()).statusCode).toBe(429);
  });

  it('applies to routes that do not exist, too', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    expect((await app.inject('/nothing')).statusCode).toBe(404);
    expect((await app.inject('/nothing')).statusCode).toBe(429);
  });
});

describe('a server without any gate', () => {
  it('admits every request with a context, and counts it', async () => {
    const { app } = await build({});
    app.get('/', ({ backpressure: { priority, deadline } }) => ({ priority, deadline: deadline ?? null }));
    expect((await app.inject('/')).json()).toEqual({ priority: 0, deadline: null });
    expect(app.backpressure.stats()).toMatchObject({
      admitted: 1,
      active: 0,
      pressure: 0,
      overloaded: false,
    });
  });
});
