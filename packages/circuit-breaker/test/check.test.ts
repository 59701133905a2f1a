import { describe, expect, it } from 'vitest';
import { AdaptiveThrottle, CircuitBreaker, KeyedCircuitBreakers } from '../src/index.ts';

/** A time of `Date.now()`. */
const DATE_NOW = 1.7e12;

describe.each([
  ['CircuitBreaker', () => new CircuitBreaker()],
  ['KeyedCircuitBreakers', () => new KeyedCircuitBreakers()],
  ['AdaptiveThrottle', () => new AdaptiveThrottle()],
])('check() of %s', (_, create) => {
  it.each([{ deadline: Number.NaN }, { deadline: DATE_NOW }, { deadline: '50' as never }])(
    'returns a rejection for a wrong context and never throws: %j',
    async (ctx) => {
      const policy = create();
      expect(policy.check(ctx)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      await expect(policy.execute(() => 1, ctx)).rejects.toThrow(/deadline must be a time/);
      expect(policy.check()).toBeUndefined();
    },
  );
});

it('check() of KeyedCircuitBreakers returns a rejection for a key that is no string and never throws', () => {
  const breakers = new KeyedCircuitBreakers({ name: 'host' });
  const ctx = { key: 7 as never };
  expect(breakers.check(ctx)).toMatchObject({
    code: 'CIRCUIT_OPEN',
    rejectedBy: 'host',
    retryAfterMs: Number.POSITIVE_INFINITY,
  });
  expect(breakers.retryAfterMs(ctx)).toBe(Number.POSITIVE_INFINITY);
});
