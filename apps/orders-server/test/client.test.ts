import { describe, expect, it } from 'vitest';
import { clientOf, userOf } from '../src/client.ts';

describe('userOf', () => {
  it.each(['ann', 'ann@example.com', 'org:7_a-b.c', 'x'.repeat(64), '__proto__'])(
    'returns the user %s',
    (user) => {
      expect(userOf({ headers: { 'x-user-id': user } })).toBe(user);
    },
  );

  it.each([undefined, '', ' ', 'a b', 'ann, bob', 'é', 'x'.repeat(65)])('returns no user for %j', (user) => {
    expect(userOf({ headers: { 'x-user-id': user } })).toBeUndefined();
  });
});

describe('clientOf', () => {
  const headers = { 'x-user-id': 'ann' };

  it('returns the user id, else the address', () => {
    expect(clientOf({ headers, ip: '10.0.0.1' })).toBe('id:ann');
    expect(clientOf({ headers: {}, ip: '10.0.0.1' })).toBe('ip:10.0.0.1');
  });

  it('returns a client for a socket without an address', () => {
    expect(clientOf({ headers, ip: undefined })).toBe('id:ann');
    expect(clientOf({ headers: {}, ip: undefined })).toBe('ip:local');
  });
});
