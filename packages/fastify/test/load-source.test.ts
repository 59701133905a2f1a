import { ConcurrencyLimiter } from '@bp/concurrency';
import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import type { LoadSource } from '../src/index.ts';
import { build, FakeLimiter } from './harness.ts';

/** A server that logs into an array, with one source. */
async function serverWith(source: LoadSource, maxWaitMs?: number) {
  const lines: { level: number; msg: string; err?: { message: string } }[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const { app } = await build(
    { load: { sources: [source], maxWaitMs, eventLoop: false }, deadline: {}, jitter: 0 },
    { logger: { level: 'error', stream } },
  );
  app.get('/', () => 'ok');
  return { app, lines };
}

describe('a load source that answers nonsense', () => {
  it.each<[string, () => unknown]>([
    ['NaN', () => Number.NaN],
    ['a negative number', () => -1],
    ['a string', () => 'soon'],
    ['null', () => null],
    ['a promise', () => Promise.resolve(5)],
    [
      'an error',
      () => {
        throw new Error('not connected');
      },
    ],
  ])('as its wait, %s, is logged once and rejects no request', async (_name, estimatedWaitMs) => {
    const { app, lines } = await serverWith({ estimatedWaitMs: estimatedWaitMs as () => number }, 50);
    for (let i = 0; i < 5; i++) {
      const response = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
      expect(response.statusCode, response.body).toBe(200);
    }
    expect(app.backpressure.stats().pressure).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.err?.message).toContain('load.sources[0].estimatedWaitMs() must return');
  });

  it.each<[string, () => unknown]>([
    ['true', () => true],
    ['a plain object', () => ({ code: 'QUEUE_FULL' })],
    [
      'an error',
      () => {
        throw new Error('not connected');
      },
    ],
  ])('as its check, %s, is logged once and rejects no request', async (_name, check) => {
    const source = { estimatedWaitMs: () => 0, check: check as () => RejectedError | undefined };
    const { app, lines } = await serverWith(source);
    for (let i = 0; i < 5; i++) expect((await app.inject('/')).statusCode).toBe(200);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.err?.message).toContain('load.sources[0].check() must return');
  });

  it('may say that its wait is unknown, which is no error and no rejection', async () => {
    const { app, lines } = await serverWith({ estimatedWaitMs: () => undefined }, 50);
    const response = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
    expect([response.statusCode, lines]).toEqual([200, []]);
  });

  it('fails the registration where it has no methods', async () => {
    const source = { estimatedWaitMs: () => 0, check: 5 } as unknown as LoadSource;
    await expect(build({ load: { sources: [source] } })).rejects.toThrow(
      'load.sources[0].check must be a function',
    );
  });
});

describe('a limiter with a queue as the only load source', () => {
  it('fills its own queue before the gate rejects, by default', async () => {
    const clock = new VirtualClock(1000);
    const limiter = new ConcurrencyLimiter({ name: 'dependency', limit: 4, maxQueue: 8, clock });
    const { app } = await build({ load: { sources: [limiter], eventLoop: false }, clock });
    app.get('/', ({ backpressure }) =>
      limiter.execute(
        () => new Promise<string>((resolve) => clock.setTimer(() => resolve('ok'), 200)),
        backpressure,
      ),
    );
    const burst = async (size: number) => {
      const responses = Array.from({ length: size }, () => app.inject('/'));
      for (let i = 0; i < 20; i++) await clock.advance(50);
      return (await Promise.all(responses)).map(({ statusCode }) => statusCode);
    };
    // The limiter knows its service time after the first burst.
    expect(await burst(12)).toEqual(Array(12).fill(200));
    expect(await burst(12), 'with a known service time').toEqual(Array(12).fill(200));
    const statuses = await burst(15);
    expect(statuses.filter((status) => status === 503)).toHaveLength(3);
    expect(app.backpressure.stats().rejectedBy).toEqual({ dependency: 3 });
    await limiter.close();
  });
});

describe('a 503', () => {
  it('says in stats, logs, listeners and problem details which gate and which primitive rejected', async () => {
    const { RejectedError } = await import('@bp/core');
    const lines: Record<string, unknown>[] = [];
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter] } }, { logger: { level: 'info', stream } });
    app.get('/', () => 'ok');
    const seen: unknown[] = [];
    const stop = app.backpressure.onRejected(({ gate, rejection, request }) =>
      seen.push([gate, rejection.rejectedBy, request.url]),
    );
    limiter.rejection = new RejectedError('QUEUE_FULL', 'payments', { retryAfterMs: 500 });
    const response = await app.inject({ url: '/', headers: { accept: 'application/problem+json' } });
    expect(response.json()).toMatchObject({
      status: 503,
      gate: 'load',
      rejectedBy: 'payments',
      code: 'QUEUE_FULL',
    });
    expect(app.backpressure.stats()).toMatchObject({ rejected: { load: 1 }, rejectedBy: { payments: 1 } });
    expect(lines.filter(({ msg }) => msg === 'request rejected')).toMatchObject([
      { level: 30, gate: 'load', code: 'QUEUE_FULL', rejectedBy: 'payments', retryAfterMs: 500 },
    ]);
    expect(seen).toEqual([['load', 'payments', '/']]);
    stop();
    await app.inject('/');
    expect(seen).toHaveLength(1);
  });

  it('counts at most 100 names of primitives, whatever they are made from', async () => {
    const { RejectedError } = await import('@bp/core');
    const { app } = await build({});
    app.get('/:name', async ({ params }) =>
      Promise.reject(new RejectedError('QUEUE_FULL', (params as { name: string }).name)),
    );
    for (let i = 0; i < 150; i++) await app.inject(`/queue-${i}`);
    const { rejectedBy } = app.backpressure.stats();
    expect(Object.keys(rejectedBy)).toHaveLength(101);
    expect(rejectedBy.others).toBe(50);
  });
});
