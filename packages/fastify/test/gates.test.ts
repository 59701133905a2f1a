import { describe, expect, it } from 'vitest';
import { build, FakeSource } from './harness.ts';

/** A server whose every gate rejects, so that the answer tells which one came first. */
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
  const ask = (headers: Record<string, string> = {}, url = '/', remoteAddress = '127.0.0.1') =>
    app.inject({ method: url === '/' ? 'POST' : 'GET', url, headers, remoteAddress });
  return { app, clock, source, ask, handled: () => handled };
}

describe('the order of the gates', () => {
  it('is shutting down, hopeless deadline, client limit, load', async () => {
    const { app, ask, handled } = await hostile();

    expect((await ask({}, '/', '10.0.0.1')).json()).toEqual({ error: 'Service overloaded', retryAfter: 1 });
    expect((await ask()).json()).toEqual({ error: 'Rate limit exceeded', retryAfter: 1 });
    expect((await ask({ 'x-request-timeout-ms': '5' })).json()).toEqual({ error: 'Deadline exceeded' });
    app.backpressure.shutDown();
    expect((await ask({ 'x-request-timeout-ms': '5' })).json()).toEqual({
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

  it('lets exempt routes pass every one of them', async () => {
    const { app, ask } = await hostile();
    app.backpressure.shutDown();
    expect((await ask({ 'x-request-timeout-ms': '0' }, '/health')).body).toBe('ok');
  });

  it('gives back to the client what the load gate rejected', async () => {
    const { clock, source, ask } = await hostile();
    await clock.advance(1000);
    for (let i = 0; i < 5; i++) expect((await ask()).statusCode, `request ${i}`).toBe(503);
    source.waitMs = 0;
    expect((await ask()).statusCode).toBe(200);
    expect((await ask()).statusCode).toBe(429);
  });

  it('stands before routes that do not exist, too', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    expect((await app.inject('/nothing')).statusCode).toBe(404);
    expect((await app.inject('/nothing')).statusCode).toBe(429);
  });
});

describe('a server without any gate', () => {
  it('admits everything, with a context, and says so', async () => {
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
