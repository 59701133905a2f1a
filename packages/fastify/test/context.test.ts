import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { timeout } from '@bp/context';
import { compose } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { build } from './harness.ts';

describe('request.backpressure in policies', () => {
  it('keeps key, priority and deadline through timeout, limiter and breaker', async () => {
    const clock = new VirtualClock(1000);
    const { app } = await build({
      clock,
      rateLimit: { rate: 10, key: () => 'ada' },
      deadline: {},
      tiers: { gold: { priority: 3 } },
      tierOf: () => 'gold',
    });
    const policy = compose(
      timeout({ timeoutMs: 1000, clock }),
      new ConcurrencyLimiter({ limit: 1, clock }),
      new CircuitBreaker({ clock }),
    );
    app.get('/', ({ backpressure }) =>
      policy.execute(({ key, priority, deadline }) => ({ key, priority, deadline }), backpressure),
    );
    const response = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
    expect(response.json()).toEqual({ key: 'id:ada', priority: 3, deadline: 1500 });
  });

  it('does not open a shared breaker when clients give a healthy dependency too little time', async () => {
    const clock = new VirtualClock(1000);
    const { app } = await build({ clock, deadline: {} });
    const breaker = new CircuitBreaker({ clock });
    const dependency = compose(breaker, timeout({ timeoutMs: 1000, clock }));
    app.get('/', ({ backpressure }) =>
      dependency.execute(
        ({ signal }) =>
          new Promise<string>((resolve, reject) => {
            clock.setTimer(() => resolve('ok'), 200);
            signal?.addEventListener('abort', () => reject(signal.reason));
          }),
        backpressure,
      ),
    );
    const get = async (ms: string) => {
      const response = app.inject({ url: '/', headers: { 'x-request-timeout-ms': ms } });
      for (let i = 0; i < 30; i++) await clock.advance(10);
      return (await response).statusCode;
    };
    for (let i = 0; i < 20; i++) expect(await get('60')).toBe(504);
    expect(breaker.stats().state).toBe('CLOSED');
    expect(await get('1000')).toBe(200);
  });
});
