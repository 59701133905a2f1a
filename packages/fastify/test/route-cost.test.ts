import { ConcurrencyLimiter } from '@bp/concurrency';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import type { RateLimitOptions, RouteBackpressureOptions } from '../src/index.ts';
import { build } from './harness.ts';

const of = (options: RouteBackpressureOptions) => ({ config: { backpressure: options } });

describe('the cost of a route', () => {
  it.each([0, 8])('of %d counts tokens of the client and no permits of a load source', async (cost) => {
    const clock = new VirtualClock(1000);
    const limiter = new ConcurrencyLimiter({ limit: 4, maxQueue: 8, clock });
    const { app } = await build({
      rateLimit: { rate: 100 },
      load: { sources: [limiter], eventLoop: false },
      deadline: {},
      clock,
    });
    app.get('/', of({ cost }), ({ backpressure }) => limiter.execute(async () => 'ok', backpressure));
    const response = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
    expect([response.statusCode, response.body]).toEqual([200, 'ok']);
    await limiter.close();
  });

  const rejectedLimits: [string, RateLimitOptions, number][] = [
    ['the burst', { rate: 1, burst: 3 }, 3],
    ['the default burst', { rate: 2 }, 2],
    ['the bound of a shared limiter', { limiter: { acquire: async () => {}, maxCost: () => 5 } }, 5],
  ];
  it.each(rejectedLimits)('above %s is rejected at registration', async (_name, rateLimit, maxCost) => {
    const { app } = await build({ rateLimit });
    expect(() => app.get('/heavy', of({ cost: maxCost + 1 }), () => 'ok')).toThrow(
      new RangeError(
        `config.backpressure of /heavy.cost must be at most ${maxCost}, the most that its rate limit admits, got ${maxCost + 1}`,
      ),
    );
    app.get('/highest', of({ cost: maxCost }), () => 'ok');
    app.get('/unlimited', of({ cost: maxCost + 1, rateLimit: false }), () => 'ok');
    app.get('/own', of({ cost: maxCost + 1, rateLimit: { rate: 100 } }), () => 'ok');
    for (const url of ['/highest', '/unlimited', '/own'])
      expect((await app.inject(url)).statusCode, url).toBe(200);
  });

  it('above the burst of a tier is rejected at registration: the tier could never use the route', async () => {
    const { app } = await build({
      rateLimit: { rate: 100 },
      tiers: { free: { rateLimit: { rate: 1, burst: 2 } } },
      tierOf: () => 'free',
    });
    expect(() => app.get('/heavy', of({ cost: 3 }), () => 'ok')).toThrow(/cost must be at most 2, the most/);
  });
});
