import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { ClientKeys } from '../src/gates/rate-limit/client-keys.ts';

const from = (ip: string | undefined): FastifyRequest => ({ ip }) as FastifyRequest;

describe('ClientKeys', () => {
  it('groups IPv6 by the prefix it was given', () => {
    const keys = new ClientKeys('rateLimit', undefined, 48);
    expect(keys.of(from('2001:db8:1:2::1'))).toBe(keys.of(from('2001:db8:1:ffff::9')));
    expect(keys.of(from('2001:db8:1:2::1'))).not.toBe(keys.of(from('2001:db8:2:2::1')));
  });

  it('takes connections without an address, over a Unix socket, for one client', () => {
    const keys = new ClientKeys('rateLimit', undefined, 64);
    expect(keys.of(from(undefined))).toBe('ip:local');
  });

  it('remembers addresses, but not for ever', () => {
    const keys = new ClientKeys('rateLimit', undefined, 64);
    const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    for (let i = 0; i < 100_000; i++) keys.of(from(address(i)));
    expect(keys.remembered).toBeLessThanOrEqual(1000);
    for (const i of [0, 999, 1000, 99_999]) expect(keys.of(from(address(i)))).toBe(`ip:${address(i)}`);
  });
});
