import { type CallContext, type Policy, RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { answer, scripted } from './scripted-fetch.ts';

/** A policy that records the outcome of each call, as a breaker does; rejects while `rejection` is set. */
class Recorder implements Policy {
  readonly outcomes: unknown[] = [];
  rejection: RejectedError | undefined;

  async execute<T>(fn: (ctx: never) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
    if (this.rejection !== undefined) throw this.rejection;
    try {
      const result = await fn(ctx as never);
      this.outcomes.push('success');
      return result;
    } catch (error) {
      this.outcomes.push(error);
      throw error;
    }
  }
}

describe('breakerFor', () => {
  it('is called with the host of each call and wraps each attempt', async () => {
    const hosts: string[] = [];
    const breakers = { 'a.example': new Recorder(), 'b.example:8080': new Recorder() };
    const { clock, fetch } = scripted([503], {
      breakerFor: (host) => {
        hosts.push(host);
        return breakers[host as keyof typeof breakers];
      },
    });
    const response = fetch('https://a.example/1');
    await clock.advance(1000);
    await response;
    await fetch(new URL('http://b.example:8080/2'));
    await fetch(new Request('https://c.example/3'));
    expect(hosts).toEqual(['a.example', 'a.example', 'b.example:8080', 'c.example']);
    expect(breakers['a.example'].outcomes).toHaveLength(2);
    expect(breakers['b.example:8080'].outcomes).toEqual(['success']);
  });

  it('gets responses from 500 on as errors with their retryAfterMs; the caller gets the responses', async () => {
    const breaker = new Recorder();
    const steps = [
      answer(500),
      answer(503, { 'retry-after': '2' }),
      answer(429, { 'retry-after': '2' }),
      answer(404),
    ];
    const { fetch } = scripted(steps, { breakerFor: () => breaker, maxAttempts: 1 });
    for (const step of steps) expect(await fetch('https://a.example/')).toBe(step);
    const [plain, delayed, ...rest] = breaker.outcomes;
    expect(plain).toMatchObject({ message: 'HTTP status 500', retryAfterMs: undefined });
    expect(delayed).toMatchObject({ message: 'HTTP status 503', retryAfterMs: 2000 });
    expect(rest, '429 and 404 are no failures of the host').toEqual(['success', 'success']);
  });

  it('rejects the attempt, and the next one begins no earlier than its retryAfterMs', async () => {
    const breaker = new Recorder();
    breaker.rejection = new RejectedError('CIRCUIT_OPEN', 'breaker', { retryAfterMs: 1000 });
    const { clock, fetch, seen } = scripted([], { breakerFor: () => breaker });
    const response = fetch('https://a.example/');
    await clock.advance(1099);
    breaker.rejection = undefined;
    expect(seen).toHaveLength(0);
    await clock.advance(1);
    expect((await response).status).toBe(200);

    breaker.rejection = new RejectedError('CIRCUIT_OPEN', 'breaker', { retryAfterMs: 60_000 });
    await expect(fetch('https://a.example/')).rejects.toBe(breaker.rejection);
    expect(clock.pendingTimers).toBe(0);
  });

  it('can tell a missed deadline from a caller that cancelled', async () => {
    const breaker = new Recorder();
    const { clock, fetch } = scripted(['hang', 'hang'], { breakerFor: () => breaker, maxAttempts: 1 });
    const late = fetch('https://a.example/', {}, { deadline: 100 }).catch(() => {});
    await clock.advance(100);
    await late;
    const controller = new AbortController();
    const ctx = { signal: controller.signal, deadline: 1000 };
    const left = fetch('https://a.example/', {}, ctx).catch(() => {});
    controller.abort();
    await left;
    expect(breaker.outcomes).toMatchObject([
      { code: 'DEADLINE_EXCEEDED', workBegan: true },
      { code: 'CANCELLED' },
    ]);
  });

  it('gets a context with the deadline and the time limit of the attempt, and every field of the call', async () => {
    const contexts: CallContext[] = [];
    const breaker: Policy = {
      async execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
        contexts.push(ctx);
        return await fn(ctx);
      },
    };
    const { clock, fetch } = scripted(['hang'], { breakerFor: () => breaker, attemptTimeoutMs: 500 });
    const response = fetch('https://a.example/', {}, { key: 'client-1', deadline: 10_000 });
    await clock.advance(1000);
    expect((await response).status).toBe(200);
    expect(contexts).toMatchObject([
      { key: 'client-1', deadline: 500, timeLimitMs: 500 },
      { key: 'client-1', deadline: 1100, timeLimitMs: 500 },
    ]);
  });

  it('may give each attempt a context of its own', async () => {
    const shorter: Policy = {
      execute: async <T>(fn: (ctx: never) => T | PromiseLike<T>) => await fn({ deadline: 110 } as never),
    };
    const { clock, fetch, seen } = scripted(['hang'], { breakerFor: () => shorter, maxAttempts: 1 });
    const response = fetch('https://a.example/').catch((error) => error);
    await clock.advance(110);
    expect(await response).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(seen[0]?.headers.get('x-request-timeout-ms')).toBe('100');
  });
});
