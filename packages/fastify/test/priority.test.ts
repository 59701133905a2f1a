import { describe, expect, it } from 'vitest';
import { build } from './harness.ts';

async function server() {
  const { app } = await build({
    tiers: { gold: { priority: 2 }, background: { priority: -1 } },
    tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
  });
  const answer = ({ backpressure }: { backpressure: { priority: number } }) => ({
    priority: backpressure.priority,
  });
  app.get('/', answer);
  app.get('/important', { config: { backpressure: { priority: 10 } } }, answer);
  return async (headers: Record<string, string>, url = '/') =>
    (await app.inject({ url, headers })).json().priority;
}

describe('the priority of a request', () => {
  it('is that of its tier and its route', async () => {
    const send = await server();
    expect(await send({})).toBe(0);
    expect(await send({ 'x-tier': 'gold' })).toBe(2);
    expect(await send({ 'x-tier': 'background' })).toBe(-1);
    expect(await send({ 'x-tier': 'unknown' })).toBe(0);
    expect(await send({ 'x-tier': 'gold' }, '/important')).toBe(12);
  });

  it.each([
    ['u=0', 0],
    ['u=3', 0],
    ['u=4', 0.2],
    ['u=7', 0.8],
    ['u=7, i', 0.8],
    ['i, u=5', 0.4],
    ['i,u=5;x=1', 0.4],
    ['u=1, u=6', 0.6],
    ['u=8', 0],
    ['u=-1', 0],
    ['u=5.5', 0],
    ['u="7"', 0],
    ['xu=7', 0],
    ['', 0],
    ['nonsense', 0],
  ])('is lowered by the urgency of RFC 9218 %j, within its tier', async (priority, lowered) => {
    const send = await server();
    expect(await send({ priority })).toBeCloseTo(-lowered, 10);
    expect(await send({ priority, 'x-tier': 'gold' })).toBeCloseTo(2 - lowered, 10);
  });

  it('is at most what an earlier service handed on, and never more than its own client is worth', async () => {
    const send = await server();
    expect(await send({ 'x-request-priority': '1', 'x-tier': 'gold' })).toBe(1);
    expect(await send({ 'x-request-priority': '-7' })).toBe(-7);
    expect(await send({ 'x-request-priority': '99' })).toBe(0);
    expect(await send({ 'x-request-priority': '1e9' })).toBe(0);
    expect(await send({ 'x-request-priority': '1', 'x-tier': 'gold', priority: 'u=7' })).toBeCloseTo(0.2, 10);
  });
});
