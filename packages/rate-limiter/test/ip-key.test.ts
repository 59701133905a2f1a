import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientKey, type IpKeyOptions, ipKey } from '../src/index.ts';

describe('ipKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0:0:0:0:0/64'],
    ['2001:0DB8:0000:0000:1234:5678:9abc:def0', '2001:db8:0:0:0:0:0:0/64'],
    ['2001:db8:0:1::', '2001:db8:0:1:0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:0/64'],
    ['::', '0:0:0:0:0:0:0:0/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:0:0:0:0/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:0:0:0:0/64'],
    ['64:ff9b::192.0.2.33', '192.0.2.33'],
    ['64:FF9B:0:0:0:0:C000:221', '192.0.2.33'],
    ['64:ff9b:1::192.0.2.33', '64:ff9b:1:0:0:0:0:0/64'],
    ['64:ff9b::1:0:0', '64:ff9b:0:0:0:0:0:0/64'],
    ['203.0.113.9:50001', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8:0:0:0:0:0:0/64'],
    ['[2001:db8::1]', '2001:db8:0:0:0:0:0:0/64'],
    ['[fe80::1%eth0]:8080', 'fe80:0:0:0:0:0:0:0/64'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['::ffff:192.0.2.1%1', '192.0.2.1'],
    ['[::1]', '0:0:0:0:0:0:0:0/64'],
  ])('turns %s into %s', (address, key) => {
    expect(ipKey(address)).toBe(key);
  });

  it.each([
    '',
    'unknown',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1:2:3',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3.256',
    '::1.2.3.4.5',
    ':',
    ':::',
    '[::1',
    '[::1]:',
    '[::1]:123456',
    '[]:443',
    '[unknown]:443',
    '192.0.2.1:',
    '192.0.2.1:123456',
    '192.0.2.1:http',
    ':443',
    '64:ff9b::192.0.2',
    'localhost:3000',
  ])('returns the text %s, which is no address, as it came', (text) => {
    expect(ipKey(text)).toBe(text);
  });

  it('cuts a text that is no address, however long, to 100 characters', () => {
    for (const text of [`${'1'.repeat(1_000_000)}::`, `[${':'.repeat(1_000_000)}]:1`, '%'.repeat(101)]) {
      expect(ipKey(text)).toBe(`${text.slice(0, 100)}…`);
    }
    expect(ipKey('x'.repeat(100))).toBe('x'.repeat(100));
  });

  it('gives every port of an address the same key, and different addresses different ones', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV6(), fc.nat(65_535), (ipv4, ipv6, port) => {
        expect(ipKey(`${ipv4}:${port}`)).toBe(ipKey(ipv4));
        expect(ipKey(`[${ipv6}]:${port}`)).toBe(ipKey(ipv6));
        expect(ipKey(`64:ff9b::${ipv4}`)).toBe(ipv4);
      }),
    );
  });

  it('answers any text with a text of at most 101 characters', () => {
    const garbage = fc.string({ unit: fc.constantFrom(...'0123456789abcf.:%[]/ x'), maxLength: 200 });
    fc.assert(
      fc.property(garbage, (text) => {
        expect(ipKey(text).length).toBeLessThanOrEqual(101);
      }),
      { numRuns: 2000 },
    );
  });

  it('names an unknown option', () => {
    expect(() => ipKey('::1', { ipv6prefix: 64 } as IpKeyOptions)).toThrow(
      'unknown option ipv6prefix: did you mean ipv6Prefix?',
    );
  });

  it('groups by the prefix asked for', () => {
    expect(ipKey('2001:db8:1:2345::1', { ipv6Prefix: 56 })).toBe('2001:db8:1:2300:0:0:0:0/56');
    expect(ipKey('2001:db8:1:2345::1', { ipv6Prefix: 128 })).toBe('2001:db8:1:2345:0:0:0:1');
    expect(ipKey('ffff::', { ipv6Prefix: 1 })).toBe('8000:0:0:0:0:0:0:0/1');
    expect(ipKey('192.0.2.255', { ipv4Prefix: 25 })).toBe('192.0.2.128/25');
    expect(ipKey('::ffff:192.0.2.255', { ipv4Prefix: 24 })).toBe('192.0.2.0/24');
    for (const ipv6Prefix of [0, 129, 1.5]) expect(() => ipKey('::1', { ipv6Prefix })).toThrow(/ipv6Prefix/);
    for (const ipv4Prefix of [0, 33]) expect(() => ipKey('::1', { ipv4Prefix })).toThrow(/ipv4Prefix/);
  });

  it('gives all of a /64 one key, and different /64s different ones', () => {
    const groups = fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 4 });
    const write = (bytes: number[]) => bytes.map((group) => group.toString(16)).join(':');
    fc.assert(
      fc.property(groups, groups, groups, (network, host, other) => {
        fc.pre(network[0] !== 0);
        const key = ipKey(`${write(network)}:${write(host)}`);
        expect(ipKey(`${write(network)}:${write(other)}`)).toBe(key);
        if (write(other) !== write(network)) expect(ipKey(`${write(other)}:${write(host)}`)).not.toBe(key);
      }),
    );
  });

  it('reads every IPv4 address the same in all its spellings', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const octets = address.split('.').map(Number);
        const hex = octets.map((octet) => octet.toString(16).padStart(2, '0')).join('');
        expect(ipKey(address)).toBe(address);
        expect(ipKey(`::ffff:${address}`)).toBe(address);
        expect(ipKey(`::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`)).toBe(address);
      }),
    );
  });
});

describe('clientKey', () => {
  it('prefers the id, which never equals the key of an address', () => {
    expect(clientKey('ann', '192.0.2.1')).toBe('id:ann');
    expect(clientKey(undefined, '192.0.2.1')).toBe('ip:192.0.2.1');
    expect(clientKey('', '2001:db8::1', { ipv6Prefix: 48 })).toBe('ip:2001:db8:0:0:0:0:0:0/48');
    expect(clientKey('192.0.2.1', '198.51.100.7')).not.toBe(clientKey(undefined, '192.0.2.1'));
  });
});
