import { RejectedError, type RejectionCode } from '@bp/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackpressureOptions } from '../src/index.ts';
import { build, FakeLimiter, FakeLoop } from './harness.ts';

/** The `Retry-After` of a request that a handler rejects, as a number; undefined without the header. */
async function retryAfterOf(
  code: RejectionCode,
  retryAfterMs: number | undefined,
  options: BackpressureOptions = {},
): Promise<number | undefined> {
  const { app } = await build(options);
  app.get('/', async () => Promise.reject(new RejectedError(code, 'orders', { retryAfterMs })));
  const { headers, body } = await app.inject('/');
  const header = headers['retry-after'] as string | undefined;
  const parsed = JSON.parse(body) as { retryAfter?: number };
  expect(parsed.retryAfter, 'body and header agree').toBe(header === undefined ? undefined : Number(header));
  if (header !== undefined) expect(header, 'delay-seconds of RFC 9110').toMatch(/^[1-9]\d*$/);
  return parsed.retryAfter;
}

describe('Retry-After', () => {
  it('is an integer of at least 1 for every rejection with a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom<RejectionCode>('RATE_LIMITED', 'QUEUE_FULL', 'SHUTTING_DOWN', 'CIRCUIT_OPEN'),
        fc.constantFrom(0, 0.5, 1, Number.NaN, -1, 7),
        async (retryAfterMs, code, chance) => {
          const seconds = await retryAfterOf(code, retryAfterMs, { random: () => chance });
          expect(seconds).toBeGreaterThanOrEqual(1);
          expect(seconds).toBeLessThanOrEqual(2 ** 31);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each<[RejectionCode, number]>([
    ['QUEUE_FULL', 300],
    ['CONCURRENCY_LIMIT', 300],
    ['SHED', 300],
    ['CIRCUIT_OPEN', 86_400],
    ['RATE_LIMITED', 86_400],
    ['SHUTTING_DOWN', 86_400],
  ])('of %s for a day is %d s: estimates are cut, exact waits are not', async (code, seconds) => {
    expect(await retryAfterOf(code, 86_400_000)).toBe(seconds);
  });

  it('cuts estimates where the option says', async () => {
    expect(await retryAfterOf('QUEUE_FULL', 86_400_000, { maxEstimateMs: 30_000 })).toBe(30);
    expect(await retryAfterOf('QUEUE_FULL', 29_000, { maxEstimateMs: 30_000 })).toBe(29);
  });

  it.each<RejectionCode>([
    'QUEUE_FULL',
    'CONCURRENCY_LIMIT',
    'SHED',
    'CIRCUIT_OPEN',
    'RATE_LIMITED',
    'SHUTTING_DOWN',
    'CANCELLED',
  ])('of %s is left out for never, and 10 s or the option for unknown', async (code) => {
    expect(await retryAfterOf(code, Number.POSITIVE_INFINITY)).toBeUndefined();
    expect(await retryAfterOf(code, undefined)).toBe(10);
    expect(await retryAfterOf(code, undefined, { unknownRetryAfterMs: 2500 })).toBe(3);
  });

  it('is not sent with a deadline that was exceeded, unless its time is known', async () => {
    expect(await retryAfterOf('DEADLINE_EXCEEDED', undefined)).toBeUndefined();
    expect(await retryAfterOf('DEADLINE_EXCEEDED', 2000)).toBe(2);
  });

  it('takes nonsense in a rejection of another copy of core for unknown', async () => {
    const { app } = await build({});
    const foreign = (retryAfterMs: unknown) =>
      Object.assign(new Error('foreign'), {
        code: 'QUEUE_FULL',
        retryAfterMs,
        [Symbol.for('@bp/core/RejectedError')]: true,
      });
    const values = [Number.NaN, -5, '9', null];
    for (const value of values) app.get(`/${value}`, async () => Promise.reject(foreign(value)));
    for (const value of values) {
      expect((await app.inject(`/${value}`)).json(), `${value}`).toEqual({
        error: 'Service overloaded',
        retryAfter: 10,
      });
    }
    expect(app.backpressure.stats().rejectedBy).toEqual({ unknown: 4 });
  });

  it('of a limiter that does not know its wait yet is the default, never now', async () => {
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter] } });
    app.get('/', () => 'ok');
    limiter.rejection = new RejectedError('QUEUE_FULL', 'payments');
    expect((await app.inject('/')).json()).toEqual({ error: 'Service overloaded', retryAfter: 10 });
  });
});

describe('a burst that blocks the event loop after a long idle time', () => {
  it('is rejected with a time that fits the burst', async () => {
    const loop = new FakeLoop();
    const { app, clock } = await build({ load: { eventLoop: { loopTime: loop.read } }, jitter: 0 });
    const responses: Promise<{ statusCode: number; headers: Record<string, unknown> }>[] = [];
    const send = (): void => void responses.push(app.inject('/'));
    let isBurst = false;
    app.get('/', () => {
      loop.active += 45;
      clock.jumpTo(clock.now() + 45);
      // Requests keep coming while handlers compute.
      if (isBurst && responses.length < 80) send();
      return 'ok';
    });
    await app.inject('/');
    for (let i = 0; i < 150; i++) {
      loop.idle += 100;
      await clock.advance(100);
    }
    isBurst = true;
    for (let i = 0; i < 40; i++) send();
    for (let i = 0; i < 100; i++) await clock.advance(0);
    const rejected = (await Promise.all(responses)).filter(({ statusCode }) => statusCode === 503);
    expect(rejected.length).toBeGreaterThan(10);
    for (const { headers } of rejected) {
      expect(headers['retry-after']).toMatch(/^\d+$/);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(30);
    }
  });
});
