import { describe, expect, it } from 'vitest';
import { KeyedCircuitBreakers } from '../src/index.ts';

describe('KeyedCircuitBreakers', () => {
  it('keeps keys apart and names them in refusals', async () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, name: 'host' });
    breakers.get('a').tryAcquire()?.failure();
    expect(breakers.get('b').state).toBe('CLOSED');
    await expect(breakers.get('a').execute(() => 1)).rejects.toMatchObject({ limiter: 'host:a' });
    expect([...breakers.entries()].map(([key]) => key)).toEqual(['b', 'a']);
  });

  it('lets new keys share one breaker when none can be forgotten', () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 2 });
    for (const key of ['a', 'b']) breakers.get(key).tryAcquire()?.failure();
    expect(breakers.get('c')).toBe(breakers.get('d'));
    expect(breakers.get('a').state).toBe('OPEN');
    expect(breakers.size).toBe(2);
  });

  it('is not fooled by keys with a meaning elsewhere', () => {
    const breakers = new KeyedCircuitBreakers();
    expect(breakers.get('__proto__')).not.toBe(breakers.get('constructor'));
    expect(breakers.get('x'.repeat(1e6)).state).toBe('CLOSED');
  });
});
