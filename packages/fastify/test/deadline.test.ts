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

  it('is cut down to the maximum, and assumed where none is given', async () => {
    const { leftMs } = await server({ deadline: { maxMs: 3000, defaultMs: 1000 } });
    expect(await leftMs({ 'x-request-timeout-ms': '9999999999' })).toBe(3000);
    expect(await leftMs({ 'grpc-timeout': '99999999H' })).toBe(3000);
    expect(await leftMs({})).toBe(1000);
    expect(await leftMs({ 'x-request-timeout-ms': 'nonsense' })).toBe(1000);
  });

  it('is not read unless the option is given, nor on a route that says so', async () => {
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

  it('rejects at once what has no more time than the way back takes', async () => {
    const { app } = await server({ deadline: { marginMs: 20 } });
    const ask = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    expect((await ask(20)).statusCode).toBe(200);
    const rejected = await ask(19);
    expect(rejected.statusCode).toBe(504);
    expect(rejected.headers).not.toHaveProperty('retry-after');
    expect(rejected.body).toBe('{"error":"Deadline exceeded"}');
  });

  it('rejects what the wait makes hopeless, and says when it would not', async () => {
    const source = new FakeSource();
    const { app } = await server({ load: { sources: [source], maxWaitMs: 60_000 } });
    const ask = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    source.waitMs = 4000;
    expect((await ask(4010)).statusCode).toBe(200);
    const rejected = await ask(2000);
    expect(rejected.statusCode).toBe(503);
    expect(rejected.json()).toEqual({ error: 'Service overloaded', retryAfter: 3 });
    expect(rejected.headers['retry-after']).toBe('3');
    expect((await ask(5)).json()).toEqual({ error: 'Deadline exceeded' });
    expect(app.backpressure.stats().rejected.deadline).toBe(2);
  });

  it('is held against the wait of the request, not of those it overtakes', async () => {
    const source: LoadSource = { estimatedWaitMs: ({ priority = 0 } = {}) => (priority > 0 ? 20 : 4000) };
    const { app } = await server({
      load: { sources: [source], maxWaitMs: 60_000 },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    const ask = (tier: string) =>
      app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500', 'x-tier': tier } });
    expect((await ask('gold')).statusCode).toBe(200);
    expect((await ask('bronze')).statusCode).toBe(503);
  });

  it('that the wait makes hopeless is an overload, unlike one that is over anyway', async () => {
    const source = new FakeSource();
    const { app } = await server({ load: { sources: [source], maxWaitMs: 60_000 } });
    const ask = (ms: number) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': `${ms}` } });
    source.waitMs = 4000;
    await ask(5);
    expect(app.backpressure.stats().overloaded).toBe(false);
    await ask(2000);
    expect(app.backpressure.stats().overloaded).toBe(true);
  });

  it('that passes while the body is read or checked keeps the handler from being started', async () => {
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

  it('reaches the handler: its signal is aborted in time', async () => {
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
