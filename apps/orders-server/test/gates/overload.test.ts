import { describe, expect, it } from 'vitest';
import { type Built, build } from '../build.ts';

const small = { WORKERS: '2', QUEUE_CAPACITY: '4', RATE_LIMIT_BURST: '1' };

async function fill(built: Built): Promise<void> {
  for (let i = 0; i < 2; i++) await built.order();
  await built.clock.advance(0);
  for (let i = 0; i < 4; i++) await built.order();
}

describe('the overload gate', () => {
  it('rejects with 503 when the queue is full, the wait in whole seconds in header and body', async () => {
    const built = await build(small);
    await fill(built);
    const rejected = await built.order();
    expect(rejected.statusCode).toBe(503);
    const retryAfter = Number(rejected.headers['retry-after']);
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(rejected.body).toBe(`{"error":"Service overloaded","retryAfter":${retryAfter}}`);
  });

  it('sends 10 seconds until an order has been in work for 50 ms, because the wait is unknown', async () => {
    const built = await build(small);
    await fill(built);
    const rejected = await built.order();
    expect(rejected.body).toBe('{"error":"Service overloaded","retryAfter":10}');
    expect(rejected.headers['retry-after']).toBe('10');
    await built.clock.advance(49);
    expect((await built.order()).json()).toMatchObject({ retryAfter: 10 });
    await built.clock.advance(1);
    expect((await built.order()).json()).toMatchObject({ retryAfter: 1 });
  });

  it('sends at least the time until an open breaker admits calls', async () => {
    const built = await build({ ...small, BREAKER_FAILURES: '1' });
    built.gateway.failing = true;
    await built.order();
    await built.clock.advance(100);
    await fill(built);
    expect((await built.order()).json()).toEqual({ error: 'Service overloaded', retryAfter: 60 });
  });

  it.each([
    [1_000, 3],
    [4_000, 10],
  ])(
    'computes Retry-After: at %i ms an order, two workers serve the backlog in %i s',
    async (latencyMs, seconds) => {
      const built = await build(small);
      built.gateway.latencyMs = latencyMs;
      await fill(built);
      await built.clock.advance(latencyMs);
      for (let i = 0; i < 2; i++) await built.order();
      // Four orders wait for two workers; the rejected order would be the fifth.
      expect((await built.order()).json()).toMatchObject({ retryAfter: seconds });
      await built.clock.advance(seconds * 1_000);
      expect((await built.order()).statusCode).toBe(202);
    },
  );

  it('comes after the rate limit: a client above its limit gets 429, also during an overload', async () => {
    const built = await build(small);
    await built.order('ann');
    await fill(built);
    expect((await built.order('ann')).statusCode).toBe(429);
    expect((await built.order('bob')).statusCode).toBe(503);
  });

  it('gives the token of a rejected order back', async () => {
    const built = await build({ ...small, RATE_LIMIT_PER_SECOND: '1' });
    await fill(built);
    for (let i = 0; i < 3; i++) expect((await built.order('ann')).statusCode).toBe(503);
    await built.clock.advance(100);
    expect((await built.order('ann')).statusCode).toBe(202);
    expect((await built.order('ann')).statusCode).toBe(429);
  });

  it('logs the begin and the end of an overload in one line each', async () => {
    const built = await build(small);
    await fill(built);
    for (let i = 0; i < 50; i++) await built.order();
    await built.clock.advance(1_000);
    const messages = built.lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('overload'));
    expect(messages).toEqual(['overload began', 'overload ended']);
    expect((await built.order()).statusCode).toBe(202);
  });
});
