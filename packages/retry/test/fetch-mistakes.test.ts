import { type CallContext, type Policy, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { createRetryingFetch } from '../src/index.ts';
import { scripted } from './scripted-fetch.ts';

const URL_A = 'https://a.example/';

/** A retrying fetch over the global one, which counts its attempts and the calls of its breaker. */
function counting() {
  const clock = new VirtualClock();
  const counts = { attempts: 0, breakerCalls: 0 };
  const breaker: Policy = {
    async execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
      counts.breakerCalls++;
      return await fn(ctx);
    },
  };
  const retryingFetch = createRetryingFetch({
    clock,
    breakerFor: () => breaker,
    fetch: async (input, init) => {
      counts.attempts++;
      return await fetch(input, init);
    },
  });
  return { clock, counts, retryingFetch };
}

describe("a request that fetch cannot send is its caller's mistake", () => {
  it.each<[string, string | URL | Request, RequestInit]>([
    ['a GET with a body', URL_A, { body: 'text' }],
    ['a HEAD with a body', URL_A, { method: 'HEAD', body: 'text' }],
    ['a GET Request that gets a body', new Request(URL_A), { body: 'text' }],
    ['a malformed URL', 'http://', {}],
    ['a relative URL without a base', '/orders', {}],
    ['an unknown scheme', 'foo://a.example/', {}],
    ['a scheme that fetch does not send', 'ftp://a.example/', {}],
    ['credentials in the URL', 'https://user:secret@a.example/', {}],
    ['a method that is none', URL_A, { method: 'GE T' }],
    ['a forbidden method', URL_A, { method: 'CONNECT' }],
    ['a stream as the body without duplex', URL_A, { method: 'PUT', body: new Blob(['text']).stream() }],
  ])('%s: one attempt, no retry, no call of the breaker', async (_, input, init) => {
    const { clock, counts, retryingFetch } = counting();
    const call = retryingFetch(input, init);
    await expect(call).rejects.toThrow(TypeError);
    expect(counts).toEqual({ attempts: 1, breakerCalls: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('a request that it can send is not one: its body, signal and Request are untouched', async () => {
    const breaker: Policy = { execute: () => Promise.reject(new RejectedError('CIRCUIT_OPEN', 'breaker')) };
    const { fetch } = scripted([], { breakerFor: () => breaker, maxAttempts: 1 });
    const stream = new Blob(['text']).stream();
    const request = new Request(URL_A, { method: 'PUT', body: 'text' });
    const requests: [string | URL | Request, RequestInit][] = [
      [URL_A, {}],
      [new URL('http://a.example:8080/'), { method: 'post', body: new FormData() }],
      [request, {}],
      [request, { body: 'other' }],
      [request, { method: undefined, body: 'other' } as never],
      [URL_A, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit],
      [URL_A, { signal: new AbortController().signal, keepalive: true, redirect: 'manual' }],
    ];
    for (const [input, init] of requests) {
      await expect(fetch(input, init)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    }
    expect(stream.locked).toBe(false);
    expect(request.bodyUsed).toBe(false);
  });
});
