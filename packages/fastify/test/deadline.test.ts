import { describe, expect, it } from 'vitest';
import type { BackpressureOptions, LoadSource } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

async function server(options: BackpressureOptions = {}) {
  const { app, clock } = await build({ deadline: {}, ...options });
  app.get('/', ({ backpressure }) => ({
    leftMs: backpressure.deadline === undefined ? null : backpressure.remainingMs(),
  }));
  const leftMs = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/', headers })).json().leftMs;
  return { app, clock, leftMs };
}

describe('the deadline of a request', () => {
  it.each([
    [{ 'x-request-timeout-ms': '250' }, 250],
    [{ 'grpc-timeout': '2S' }, 2000],
    [{ 'grpc-timeout': '300000u' }, 300],
    [{ 'x-request-timeout-ms': '250', 'grpc-timeout': '2S' }, 250],
    [{}, null],
    [{ 'x-request-timeout-ms': '-5' }, null],
    [{ 'x-request-timeout-ms': '1e3' }, null],
    [{ 'x-request-timeout-ms': '' }, null],
    [{ 'grpc-timeout': '123456789S' }, null],
    [{ 'grpc-timeout': '5 S' }, null],
    [{ 'x-request-timeout-ms': 'soon', 'grpc-timeout': '1S' }, 1000],
  ])('is read strictly: %j', async (headers, expected) => {
    const { leftMs } = await server();
    expect(await leftMs(headers)).toBe(expected);
  });

  it('is cut to the maximum, and has a default', async () => {
    const { leftMs } = await server({ deadline: { maxMs: 3000, defaultMs: 1000 } });
    expect(await leftMs({ 'x-request-timeout-ms': '9999999999' })).toBe(3000);
    expect(await leftMs({ 'grpc-timeout': '99999999H' })).toBe(3000);
    expect(await leftMs({})).toBe(1000);
    expect(await leftMs({ 'x-request-timeout-ms': 'nonsense' })).toBe(1000);
  });

  it('is not read without the option, nor on a route with deadline: false', async () => {
    const { app, leftMs } = await server({ deadline: undefined });
    expect(await leftMs({ 'x-request-timeout-ms': '250' })).toBeNull();
    expect(app.backpressure.stats().rejected.deadline).toBe(0);

    const other = await build({ deadline: {} });
    other.app.get('/', { config: { backpressure: { deadline: false } } }, ({ backpressure }) => ({
      deadline: backpressure.deadline ?? null,
    }));
    const answer = await other.app.inject({ url: '/', headers: { 'x-request-timeout-ms': '1' } });
    expect(answer.json()).toEqual({ deadline: null });
  });

  it('rejects at once a request with less time left than the margin', async () => {
    const { app } = await server({ deadline: { marginMs: 20 } });
    const send = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    expect((await send(20)).statusCode).toBe(200);
    const rejected = await send(19);
    expect(rejected.statusCode).toBe(504);
    expect(rejected.headers).not.toHaveProperty('retry-after');
    expect(rejected.body).toBe('{"error":"Deadline exceeded"}');
  });

  it('rejects a request whose estimated wait is too long, with the time until it is not', async () => {
    const source = new FakeSource();
    const { app } = await server({ load: { sources: [source], maxWaitMs: 60_000 } });
    const send = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    source.waitMs = 4000;
    expect((await send(4010)).statusCode).toBe(200);
    const rejected = await send(2000);
    expect(rejected.statusCode).toBe(503);
    expect(rejected.json()).toEqual({ error: 'Service overloaded', retryAfter: 3 });
    expect(rejected.headers['retry-after']).toBe('3');
    expect((await send(5)).json()).toEqual({ error: 'Deadline exceeded' });
    expect(app.backpressure.stats().rejected.deadline).toBe(2);
  });

  it('is compared with the wait of the request, not with that of requests it overtakes', async () => {
    const source: LoadSource = { estimatedWaitMs: ({ priority = 0 } = {}) => (priority > 0 ? 20 : 4000) };
    const { app } = await server({
      load: { sources: [source], maxWaitMs: 60_000 },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    const send = (tier: string) =>
      app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500', 'x-tier': tier } });
    expect((await send('gold')).statusCode).toBe(200);
    expect((await send('bronze')).statusCode).toBe(503);
  });

  it('that only the wait exceeds is an overload, unlike one that is exceeded anyway', async () => {
    const source = new FakeSource();
    const { app } = await server({ load: { sources: [source], maxWaitMs: 60_000 } });
    const send = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    source.waitMs = 4000;
    await send(5);
    expect(app.backpressure.stats().overloaded).toBe(false);
    await send(2000);
    expect(app.backpressure.stats().overloaded).toBe(true);
  });

  it('that passes while the body is read or validated prevents the handler', async () => {
    let started = false;
    const { app, clock } = await build({ deadline: {} });
    app.post('/', { preValidation: async () => clock.advance(300) }, () => {
      started = true;
      return 'done';
    });
    const answer = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'x-request-timeout-ms': '250' },
      payload: {},
    });
    expect(answer.json()).toEqual({ error: 'Deadline exceeded' });
    expect(answer.statusCode).toBe(504);
    expect(started).toBe(false);
  });

  it('aborts the signal of the handler in time', async () => {
    const { app, clock } = await build({ deadline: {} });
    app.get('/', async ({ backpressure }) => {
      const ended = new Promise((resolve) => backpressure.signal.addEventListener('abort', resolve));
      await clock.advance(250);
      await ended;
      return { reason: (backpressure.signal.reason as { code: string }).code };
    });
    const answer = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '250' } });
    expect(answer.json()).toEqual({ reason: 'DEADLINE_EXCEEDED' });
  });
});

describe('a deadline option', () => {
  it.each(['maxMs', 'defaultMs', 'marginMs'])(
    'of more than ten years fails the registration: %s',
    async (name) => {
      const deadline = { maxMs: 3.2e11, [name]: 3.2e11 };
      await expect(build({ deadline })).rejects.toThrow(/^deadline\.\w+ must be .* at most ten years/);
    },
  );

  it('of ten years is allowed', async () => {
    const tenYears = 3.15e11;
    const { leftMs } = await server({ deadline: { maxMs: tenYears, defaultMs: tenYears } });
    expect(await leftMs({})).toBe(tenYears);
  });
});
