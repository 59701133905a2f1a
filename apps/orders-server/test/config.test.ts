import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';

describe('loadConfig', () => {
  it('has a default for every setting but the gateway address', () => {
    expect(loadConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 3000,
      RATE_LIMIT_PER_SECOND: 10,
      RATE_LIMIT_BURST: 10,
      WORKERS: 10,
      QUEUE_CAPACITY: 30,
      BREAKER_FAILURES: 5,
      BREAKER_OPEN_MS: 60_000,
      BREAKER_PROBES: 3,
    });
    expect(loadConfig({})).not.toHaveProperty('PAYMENT_URL');
  });

  it('reads numbers and strings, and no unknown variable', () => {
    const env = {
      PORT: '0',
      GATEWAY_FAILURE_RATE: '0.25',
      PAYMENT_URL: 'http://pay.example:81',
      HOME: '/root',
    };
    expect(loadConfig(env)).toMatchObject({
      PORT: 0,
      GATEWAY_FAILURE_RATE: 0.25,
      PAYMENT_URL: 'http://pay.example:81',
    });
    expect(loadConfig(env)).not.toHaveProperty('HOME');
  });

  it.each(['loopback', '10.0.0.1', '10.0.0.0/8, ::1, fd00::/8,uniquelocal'])(
    'trusts the proxies %s',
    (list) => {
      expect(loadConfig({ TRUST_PROXY: list })).toMatchObject({ TRUST_PROXY: list });
    },
  );

  it('treats an empty variable as unset', () => {
    expect(loadConfig({ PORT: '', PAYMENT_URL: '' })).toEqual(loadConfig({}));
  });

  it('queues three orders per worker by default', () => {
    expect(loadConfig({ WORKERS: '4' }).QUEUE_CAPACITY).toBe(12);
    expect(loadConfig({ WORKERS: '4', QUEUE_CAPACITY: '1' }).QUEUE_CAPACITY).toBe(1);
  });

  it.each([
    ['PORT', 'abc', 'PORT must be an integer from 0 to 65535, got "abc"'],
    ['PORT', '65536', 'PORT must be an integer from 0 to 65535, got "65536"'],
    ['PORT', '80.5', 'PORT must be an integer from 0 to 65535, got "80.5"'],
    ['WORKERS', '0', 'WORKERS must be an integer from 1 to 1000000, got "0"'],
    ['WORKERS', '-1', 'WORKERS must be an integer from 1 to 1000000, got "-1"'],
    ['WORKERS', 'NaN', 'WORKERS must be an integer from 1 to 1000000, got "NaN"'],
    ['WORKERS', 'Infinity', 'WORKERS must be an integer from 1 to 1000000, got "Infinity"'],
    ['GATEWAY_FAILURE_RATE', '1.1', 'GATEWAY_FAILURE_RATE must be a number from 0 to 1, got "1.1"'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, silent, got "loud"'],
    [
      'PAYMENT_URL',
      'ftp://pay.example',
      'PAYMENT_URL must be an http or https origin such as http://127.0.0.1:3001, got "ftp://pay.example"',
    ],
    ['MAX_ORDERS', '39', 'MAX_ORDERS must be at least WORKERS + QUEUE_CAPACITY = 40, got 39'],
  ])('rejects %s=%s, naming what is allowed', (name, given, message) => {
    expect(() => loadConfig({ [name]: given })).toThrow(new RangeError(message));
  });

  it.each([
    'true',
    '1',
    'proxy.example',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/8/8',
    '10.0.0.1,',
    'fe80::1%eth0',
  ])('rejects the proxy list %s', (list) => {
    const allowed = 'addresses or networks, loopback, linklocal or uniquelocal, separated by commas';
    expect(() => loadConfig({ TRUST_PROXY: list })).toThrow(
      new RangeError(`TRUST_PROXY must be ${allowed}, got "${list}"`),
    );
  });

  it('names every bad variable at once', () => {
    expect(() => loadConfig({ PORT: 'x', WORKERS: 'y' })).toThrow(/PORT must be .*\nWORKERS must be /);
  });

  it('prints no password', () => {
    const url = 'http://user:secret@pay.example';
    expect(() => loadConfig({ PAYMENT_URL: url })).toThrow(/got "http:\/\/\*\*\*@pay\.example"$/);
  });
});
