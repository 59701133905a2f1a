import { describe, expect, it } from 'vitest';
import { build } from './harness.ts';

const routes = [
  { config: {} },
  { config: { backpressure: { rateLimit: false } } },
  { config: { backpressure: false } },
] as const;

describe('the key of an admitted request', () => {
  it('is set on a route without a rate limit too, for pools that share fairly', async () => {
    const key = ({ headers }: { headers: Record<string, unknown> }) => headers['x-user-id'] as string;
    const { app } = await build({ rateLimit: { rate: 100, key } });
    for (const [index, route] of routes.entries())
      app.get(`/${index}`, route, ({ backpressure }) => `${backpressure.key}`);
    const keyAt = async (url: string) => (await app.inject({ url, headers: { 'x-user-id': 'ada' } })).body;
    expect([await keyAt('/0'), await keyAt('/1')]).toEqual(['id:ada', 'id:ada']);
    expect(await keyAt('/2'), 'an exempt route reads no key').toBe('undefined');
  });

  it('may be asynchronous on a route without a rate limit', async () => {
    const { app } = await build({ rateLimit: { rate: 100, key: async () => 'ada' } });
    app.get(
      '/',
      { config: { backpressure: { rateLimit: false } } },
      ({ backpressure }) => `${backpressure.key}`,
    );
    expect((await app.inject('/')).body).toBe('id:ada');
  });

  it('is the address without any rate limit', async () => {
    const { app } = await build({ load: {} });
    app.get('/', ({ backpressure }) => `${backpressure.key}`);
    expect((await app.inject({ url: '/', remoteAddress: '10.0.0.1' })).body).toBe('ip:10.0.0.1');
  });
});
