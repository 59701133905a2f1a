import fc from 'fast-check';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { RateLimitFields } from '../src/gates/rate-limit/rate-limit-fields.ts';
import { build } from './harness.ts';

/** What a client makes of a field: its one item and the parameters. */
function read(field: unknown): { name: unknown; params: Record<string, unknown> } {
  const [item, ...more] = parseList(String(field));
  if (item === undefined || more.length > 0) throw new Error(`not one item: ${field}`);
  return { name: item[0], params: Object.fromEntries(item[1]) };
}

describe('RateLimit-Policy and RateLimit', () => {
  it('send every client its policy and what is left', async () => {
    const { app, clock } = await build({ rateLimit: { rate: 2, burst: 3, policy: 'orders' } });
    app.get('/', () => 'ok');
    const left = [];
    for (let i = 0; i < 3; i++) {
      const { headers } = await app.inject('/');
      expect(read(headers['ratelimit-policy'])).toEqual({ name: 'orders', params: { q: 4, w: 2 } });
      left.push(read(headers.ratelimit));
    }
    expect(left).toEqual([
      { name: 'orders', params: { r: 2, t: 1 } },
      { name: 'orders', params: { r: 1, t: 1 } },
      { name: 'orders', params: { r: 0, t: 1 } },
    ]);
    await clock.advance(100);
    const { headers } = await app.inject('/');
    expect(read(headers.ratelimit)).toEqual({ name: 'orders', params: { r: 0, t: 1 } });
    expect(read(headers['ratelimit-policy']).params).toEqual({ q: 4, w: 2 });
  });

  it('name the tier of the client', async () => {
    const { app } = await build({
      rateLimit: { rate: 1 },
      tiers: { 'gold "plus"': { rateLimit: { rate: 600, intervalMs: 60_000, burst: 100 } } },
      tierOf: () => 'gold "plus"',
    });
    app.get('/', () => 'ok');
    const { headers } = await app.inject('/');
    expect(read(headers['ratelimit-policy'])).toEqual({ name: 'gold "plus"', params: { q: 100, w: 10 } });
    expect(read(headers.ratelimit)).toEqual({ name: 'gold "plus"', params: { r: 99, t: 10 } });
  });

  it.each([
    ['always', true, true],
    ['rejected', false, true],
    ['never', false, false],
  ] as const)('are sent %s', async (fields, whenAdmitted, whenRejected) => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1, fields } });
    app.get('/', () => 'ok');
    const sent = async () => {
      const { headers } = await app.inject('/');
      return 'ratelimit' in headers && 'ratelimit-policy' in headers;
    };
    expect(await sent()).toBe(whenAdmitted);
    expect(await sent()).toBe(whenRejected);
  });

  it('are not sent to clients without a limit', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1, allow: ['ip:127.0.0.1'] } });
    app.get('/', () => 'ok');
    await app.inject('/');
    expect((await app.inject('/')).headers).not.toHaveProperty('ratelimit');
  });

  it('say, when nothing is left, the time of one token', () => {
    const fields = new RateLimitFields({ name: 'slow', ratePerSecond: 0.1, burst: 3 });
    expect(read(fields.left(0.9))).toEqual({ name: 'slow', params: { r: 0, t: 10 } });
    expect(read(fields.left(2))).toEqual({ name: 'slow', params: { r: 2, t: 20 } });
  });

  it('promise nothing at rate 0', () => {
    const fields = new RateLimitFields({ name: 'blocked', ratePerSecond: 0, burst: 0 });
    expect(read(fields.policy)).toEqual({ name: 'blocked', params: { q: 0 } });
    expect(read(fields.exhausted(Number.POSITIVE_INFINITY))).toEqual({ name: 'blocked', params: { r: 0 } });
  });

  it('can be read whatever the numbers and the name, and never invite more than the policy allows', () => {
    const names = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map(String.fromCharCode),
      minLength: 1,
      maxLength: 100,
    });
    const rates = fc.double({ min: 1e-6, max: 1e9, noNaN: true });
    const bursts = fc.double({ min: 1e-3, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(
        names,
        rates,
        bursts,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (name, rate, burst, share) => {
          const fields = new RateLimitFields({ name, ratePerSecond: rate, burst });
          const policy = read(fields.policy);
          const left = read(fields.left(burst * share));
          expect([policy.name, left.name]).toEqual([name, name]);
          const { q, w } = policy.params as { q: number; w: number };
          const { r, t } = left.params as { r: number; t: number };
          for (const integer of [q, w, r, t])
            expect(Number.isSafeInteger(integer) && integer >= 0).toBe(true);
          expect(w).toBeGreaterThan(0);
          expect(r).toBeLessThanOrEqual(burst);
          if (w < 999_999_999_999_999 && t < 999_999_999_999_999) {
            expect(q, 'no more than a full bucket and the tokens of the window').toBeLessThanOrEqual(
              burst + rate * w + 1e-6,
            );
            expect(r / t, 'sent at no more than the sustained rate').toBeLessThanOrEqual(
              Math.max(rate, 0) * (1 + 1e-9) + 1e-9,
            );
          }
        },
      ),
    );
  });
});

describe('Retry-After', () => {
  it('is never earlier than the window of RateLimit, however chance falls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (chance, intervalMs, jitter) => {
          const { app } = await build({
            rateLimit: { rate: 1, burst: 1, intervalMs },
            random: () => chance,
            jitter,
          });
          app.get('/', () => 'ok');
          await app.inject('/');
          const { headers } = await app.inject('/');
          const { t } = read(headers.ratelimit).params;
          expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(t as number);
          expect(Number(headers['retry-after'])).toBeLessThanOrEqual(
            Math.ceil((intervalMs * (1 + jitter)) / 1000),
          );
        },
      ),
      { numRuns: 30 },
    );
  });
});
