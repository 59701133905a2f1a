import { describe, expect, it } from 'vitest';
import { build } from './harness.ts';

/** The keys that the limit gives to requests behind a proxy. */
async function keysOf(...forwarded: string[]): Promise<string[]> {
  const { app } = await build({ rateLimit: { rate: 1000 } }, { trustProxy: true });
  app.get('/', ({ backpressure }) => backpressure.key);
  const keys: string[] = [];
  for (const address of forwarded) {
    keys.push((await app.inject({ url: '/', headers: { 'x-forwarded-for': address } })).body);
  }
  return keys;
}

describe('a forwarded address', () => {
  it.each([
    ['203.0.113.9:50001', '203.0.113.9'],
    ['203.0.113.9:50002', '203.0.113.9:50001'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
  ])('%s is the same client as %s', async (one, other) => {
    const [first, second] = await keysOf(one, other);
    expect(first).toBe(second);
  });

  it.each([
    ['203.0.113.9', '203.0.113.10'],
    ['2001:db8:1::1', '2001:db8:2::1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.2'],
  ])('%s is another client than %s', async (one, other) => {
    const [first, second] = await keysOf(one, other);
    expect(first).not.toBe(second);
  });

  it('that is no address counts for the connection: a client cannot choose a new key for every request', async () => {
    const keys = await keysOf('unknown', '_hidden', 'x'.repeat(5000), '999.1.1.1', 'id:ada');
    expect(new Set(keys)).toEqual(new Set(['ip:127.0.0.1']));
  });
});
