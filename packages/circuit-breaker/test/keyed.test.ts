import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedCircuitBreakers } from '../src/index.ts';

describe('KeyedCircuitBreakers', () => {
  it('keeps keys apart and names them in rejections', async () => {
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

  it('forgets a breaker that is closed and idle, and never one that is open', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({
      consecutiveFailures: 2,
      openMs: 3_600_000,
      idleMs: 1000,
      clock,
    });
    const closed = breakers.get('closed');
    closed.tryAcquire()?.failure();
    const open = breakers.get('open');
    for (let i = 0; i < 2; i++) open.tryAcquire()?.failure();
    clock.advanceSync(999);
    expect(breakers.get('closed'), 'used in time').toBe(closed);
    clock.advanceSync(1000);
    breakers.get('another');
    expect([...breakers.entries()].map(([key]) => key)).toEqual(['open', 'another']);
    expect(breakers.get('open')).toBe(open);
  });

  it('does not forget a breaker whose window has begun to fill with failures to make room', () => {
    const breakers = new KeyedCircuitBreakers({ failureRate: 0.5, minCalls: 10, maxKeys: 2 });
    const failing = breakers.get('failing');
    failing.tryAcquire()?.failure();
    failing.tryAcquire()?.success();
    breakers.get('good').tryAcquire()?.success();
    breakers.get('new');
    expect([...breakers.entries()].map(([key]) => key).sort()).toEqual(['failing', 'new']);
    expect(breakers.get('failing').stats().windowFailures).toBe(1);
  });

  it('keeps a window for as long as it counts', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ failureRate: 0.5, window: { ms: 3_600_000 }, clock });
    const first = breakers.get('a');
    clock.advanceSync(3_599_999);
    breakers.get('b');
    expect(breakers.get('a')).toBe(first);
  });

  it('does not forget a breaker whose calls are under way: those to a host that hangs fail last', () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 2 });
    const call = breakers.get('hangs').tryAcquire();
    for (let i = 0; i < 10; i++) breakers.get(`${i}`).tryAcquire()?.success();
    call?.failure();
    expect(breakers.get('hangs').state).toBe('OPEN');
  });

  it('looks at no more than a few breakers a call, and so gets rid of many idle ones', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ idleMs: 1000, clock });
    for (let i = 0; i < 100; i++) breakers.get(`${i}`);
    clock.advanceSync(1000);
    for (let left = 98; left >= 2; left -= 2) {
      breakers.get('busy');
      expect(breakers.size).toBe(left + 1);
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('names the option that is wrong', () => {
    expect(() => new KeyedCircuitBreakers({ idleMs: 10, failureRate: 1, window: { ms: 11 } })).toThrow(
      'idleMs',
    );
    expect(() => new KeyedCircuitBreakers({ idleMs: 0 })).toThrow('idleMs');
    expect(() => new KeyedCircuitBreakers({ maxKeys: 0 })).toThrow('maxKeys');
  });

  const step = fc.record({
    key: fc.integer({ min: 0, max: 12 }),
    failures: fc.integer({ min: 0, max: 2 }),
    afterMs: fc.constantFrom(0, 0, 1, 200, 5000),
  });

  it('stays within its bound and forgets no breaker that is open, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const clock = new VirtualClock();
        const breakers = new KeyedCircuitBreakers({
          consecutiveFailures: 2,
          openMs: 1000,
          maxKeys: 5,
          idleMs: 2000,
          clock,
        });
        const openUntil = new Map<string, number>();
        for (const { key, failures, afterMs } of steps) {
          clock.advanceSync(afterMs);
          const breaker = breakers.get(`${key}`);
          for (let i = 0; i < failures; i++) breaker.tryAcquire()?.failure();
          const isOwn = [...breakers.entries()].some(([, kept]) => kept === breaker);
          if (isOwn && breaker.state === 'OPEN')
            openUntil.set(`${key}`, clock.now() + breaker.retryAfterMs());
          expect(breakers.size).toBeLessThanOrEqual(5);
          const kept = new Map([...breakers.entries()]);
          for (const [openKey, until] of openUntil) {
            if (clock.now() < until) expect(kept.get(openKey)?.state).toBe('OPEN');
          }
        }
      }),
    );
  });
});
