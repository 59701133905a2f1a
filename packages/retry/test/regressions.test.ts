import { getEventListeners } from 'node:events';
import { compose, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { createRetryingFetch, Retry, RetryBudget } from '../src/index.ts';
import { answer, scripted } from './scripted-fetch.ts';

/** Each as a sentence that must hold here. */
describe('defects of other clients and libraries', () => {
  const down = (): never => {
    throw new Error('down');
  };

  it('naive retries: an outage does not get several times the load', async () => {
    const clock = new VirtualClock();
    const retrying = new Retry({ maxAttempts: 10, clock });
    const settled = Promise.allSettled(Array.from({ length: 1000 }, () => retrying.execute(down)));
    await clock.advance(0);
    // Time earns one retry a second at most.
    await clock.advance(10_000);
    await settled;
    expect(retrying.stats().attempts).toBeLessThanOrEqual(1000 + 100 + 10);
  });

  it('naive retries: nested retries do not multiply the load', async () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ minRetries: 5, share: 0, windowMs: 1e9, clock });
    const layers = Array.from({ length: 3 }, () => new Retry({ budget, clock }));
    let tries = 0;
    const result = compose(...layers)
      .execute(() => {
        tries++;
        down();
      })
      .catch(() => {});
    await clock.advance(60_000);
    await result;
    expect(tries).toBeLessThanOrEqual(6);
  });

  it('clients without jitter: calls with the same Retry-After do not return together', async () => {
    const clock = new VirtualClock();
    const rejection = new RejectedError('RATE_LIMITED', 'server', { retryAfterMs: 1000 });
    const retrying = new Retry({
      backoffMs: 1000,
      budget: new RetryBudget({ minRetries: 100, clock }),
      clock,
    });
    const back: number[] = [];
    const calls = Array.from({ length: 100 }, () =>
      retrying.execute((_, attempt) => {
        if (attempt === 1) throw rejection;
        back.push(clock.now());
      }),
    );
    await clock.advance(2000);
    await Promise.all(calls);
    expect(Math.min(...back)).toBeGreaterThanOrEqual(1000);
    expect(new Set(back.map((at) => Math.floor(at / 100))).size).toBeGreaterThan(5);
  });

  it('botocore: a Retry-After is not cut to the backoff', async () => {
    const { clock, fetch, seen } = scripted([answer(503, { 'retry-after': '20' })], { maxBackoffMs: 100 });
    const response = fetch('https://a.example/');
    await clock.advance(19_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1000);
    expect((await response).status).toBe(200);
  });

  it('under-pressure: 0 is a number; a Retry-After of 0 differs from none', async () => {
    const { clock, fetch, seen } = scripted([answer(503, { 'retry-after': '0' })], { random: () => 0 });
    const response = fetch('https://a.example/');
    await clock.advance(0);
    await response;
    expect(seen.map(({ at }) => at)).toEqual([0, 0]);
  });

  it('platform timers: a pause above 2^31 - 1 ms does not end at once', async () => {
    const clock = new VirtualClock();
    const days = 30 * 86_400_000;
    const retrying = new Retry({ maxRetryAfterMs: days, clock });
    let tries = 0;
    const controller = new AbortController();
    const result = retrying
      .execute(
        () => {
          tries++;
          throw new RejectedError('RATE_LIMITED', 'server', { retryAfterMs: days });
        },
        { signal: controller.signal },
      )
      .catch(() => {});
    await clock.advance(days - 1);
    expect(tries).toBe(1);
    controller.abort();
    await result;
    expect(clock.pendingTimers).toBe(0);
  });

  it('p-retry: a call that is cancelled in a pause keeps neither its timer nor its retry', async () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ minRetries: 1, share: 0, windowMs: 1e9, clock });
    const retrying = new Retry({ budget, clock });
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const result = retrying.execute(down, { signal: controller.signal }).catch((error) => error);
      await clock.advance(0);
      controller.abort();
      expect(await result, `call ${i}`).toMatchObject({ code: 'CANCELLED' });
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('AbortSignal.any: a signal that outlives its calls does not collect listeners', async () => {
    const { clock, fetch } = scripted([], { attemptTimeoutMs: 1000, fetch: async () => new Response(null) });
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) await fetch('https://a.example/', { signal }, { deadline: 10_000 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('fetch wrappers: the responses of failed attempts do not keep their connections', async () => {
    const failed = [answer(503), answer(503)];
    const { clock, fetch } = scripted(failed);
    const response = fetch('https://a.example/');
    await clock.advance(1000);
    await response;
    expect(failed.every(({ cancelled }) => cancelled)).toBe(true);
  });

  it('fetch wrappers: a payment is not repeated because its response was lost', async () => {
    const { fetch, seen } = scripted([new TypeError('fetch failed')]);
    await expect(fetch('https://pay.example/', { method: 'POST', body: '{}' })).rejects.toThrow(
      'fetch failed',
    );
    expect(seen).toHaveLength(1);
  });

  it('fetch wrappers: a stream is not sent half, or empty, the second time', async () => {
    const bodies: unknown[] = [];
    const clock = new VirtualClock();
    const fetch = createRetryingFetch({
      clock,
      fetch: async (_, init) => {
        bodies.push(await new Response(init?.body ?? null).text());
        return new Response(null, { status: 503 });
      },
    });
    const body = new Blob(['all of it']).stream();
    expect((await fetch('https://a.example/', { method: 'PUT', body })).status).toBe(503);
    expect(bodies).toEqual(['all of it']);
  });

  it('breakers: a rate limit at the server does not count as its failure', async () => {
    const outcomes: string[] = [];
    const { fetch } = scripted([429], {
      maxAttempts: 1,
      breakerFor: () => ({
        execute: async (fn: (ctx: never) => unknown, ctx?: unknown) => {
          const result = await fn(ctx as never);
          outcomes.push('success');
          return result as never;
        },
      }),
    });
    expect((await fetch('https://a.example/')).status).toBe(429);
    expect(outcomes).toEqual(['success']);
  });

  it('every rejection is an object of its own', async () => {
    const retrying = new Retry({ clock: new VirtualClock() });
    const rejections = await Promise.all(
      [1, 2].map(() => retrying.execute(() => 1, { deadline: 0 }).catch((error) => error)),
    );
    expect(rejections[0]).not.toBe(rejections[1]);
  });
});
