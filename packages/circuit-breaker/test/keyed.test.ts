import { compose, type Policy } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { KeyedCircuitBreakers } from '../src/index.ts';

describe('KeyedCircuitBreakers', () => {
  it('keeps keys apart and names them in rejections', async () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, name: 'host' });
    breakers.get('a').tryAcquire()?.failure();
    expect(breakers.get('b').state).toBe('CLOSED');
    await expect(breakers.get('a').execute(() => 1)).rejects.toMatchObject({ rejectedBy: 'host:a' });
    expect([...breakers.entries()].map(([key]) => key)).toEqual(['b', 'a']);
  });

  it('lets new keys share one breaker when none can be dropped', () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 2 });
    for (const key of ['a', 'b']) breakers.get(key).tryAcquire()?.failure();
    expect(breakers.get('c')).toBe(breakers.get('d'));
    expect(breakers.get('a').state).toBe('OPEN');
    expect(breakers.size).toBe(2);
  });

  it('treats keys such as __proto__ as any other', () => {
    const breakers = new KeyedCircuitBreakers();
    expect(breakers.get('__proto__')).not.toBe(breakers.get('constructor'));
    expect(breakers.get('x'.repeat(1e6)).state).toBe('CLOSED');
  });

  it('drops a breaker that is closed and idle, and never one that is open', () => {
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

  it('does not drop a breaker with failures in its window to make room', () => {
    const breakers = new KeyedCircuitBreakers({ failureRate: 0.5, minCalls: 10, maxKeys: 2 });
    const failing = breakers.get('failing');
    failing.tryAcquire()?.failure();
    failing.tryAcquire()?.success();
    breakers.get('good').tryAcquire()?.success();
    breakers.get('new');
    expect([...breakers.entries()].map(([key]) => key).sort()).toEqual(['failing', 'new']);
    expect(breakers.get('failing').stats().windowFailures).toBe(1);
  });

  it('keeps a window for as long as it lasts', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ failureRate: 0.5, window: { ms: 3_600_000 }, clock });
    const first = breakers.get('a');
    clock.advanceSync(3_599_999);
    breakers.get('b');
    expect(breakers.get('a')).toBe(first);
  });

  it('does not drop a breaker with running calls: those to a host that hangs fail last', () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 2 });
    const call = breakers.get('hangs').tryAcquire();
    for (let i = 0; i < 10; i++) breakers.get(`${i}`).tryAcquire()?.success();
    call?.failure();
    expect(breakers.get('hangs').state).toBe('OPEN');
  });

  it('drops at most two idle breakers a call, until all are gone', () => {
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

  it('does not drop an idle breaker whose call still runs', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, idleMs: 1000, clock });
    const call = breakers.get('hangs').tryAcquire();
    for (let i = 0; i < 5; i++) {
      clock.advanceSync(1000);
      breakers.get('other');
    }
    call?.failure();
    expect(breakers.get('hangs').state).toBe('OPEN');
  });

  it('is a policy that keeps the keys of contexts apart', async () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, openMs: 1000, name: 'host', clock });
    expectTypeOf(breakers).toExtend<Policy>();
    const transitions: unknown[] = [];
    const rejections: unknown[] = [];
    breakers.onTransition(({ key, from, to }) => transitions.push([key, from, to]));
    const policy = compose(breakers);
    const down = (): Promise<never> => Promise.reject(new Error('down'));
    await policy.execute(down, { key: 'a' }).catch(() => {});
    breakers.onRejected(({ rejectedBy, code }) => rejections.push([rejectedBy, code]));
    breakers.onRejected(() => {});
    await expect(policy.execute(() => 1, { key: 'a' })).rejects.toMatchObject({ retryAfterMs: 1000 });
    expect(breakers.check({ key: 'a' })).toMatchObject({ rejectedBy: 'host:a', retryAfterMs: 1000 });
    expect(breakers.retryAfterMs({ key: 'a' })).toBe(1000);
    expect(breakers.tryAcquire({ key: 'a' })).toBeUndefined();
    await expect(policy.execute(() => 1, { key: 'b' })).resolves.toBe(1);
    await expect(policy.execute(() => 1)).resolves.toBe(1);
    expect(transitions).toEqual([['a', 'CLOSED', 'OPEN']]);
    expect(rejections).toEqual([
      ['host:a', 'CIRCUIT_OPEN'],
      ['host:a', 'CIRCUIT_OPEN'],
    ]);
    expect(breakers.stats()).toEqual({ keys: 2, notClosed: 1 });
  });

  it('has one breaker for all calls without a key', async () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, name: 'host' });
    breakers.tryAcquire()?.failure();
    await expect(breakers.execute(() => 1)).rejects.toMatchObject({ rejectedBy: 'host' });
    expect(breakers.get(undefined).state).toBe('OPEN');
    expect(breakers.get('').state, 'an empty key is a key').toBe('CLOSED');
    expect(breakers.size).toBe(1);
  });

  it('rejects a key that is no string', async () => {
    const breakers = new KeyedCircuitBreakers();
    const rejections: unknown[] = [];
    breakers.onRejected(({ code, retryAfterMs }) => rejections.push([code, retryAfterMs]));
    const ctx = { key: 5 as never };
    await expect(breakers.execute(() => 1, ctx)).rejects.toThrow(/key must be a string, got number/);
    expect(breakers.tryAcquire(ctx)).toBeUndefined();
    expect(rejections).toEqual([['CIRCUIT_OPEN', Number.POSITIVE_INFINITY]]);
    expect(() => breakers.get(null as never)).toThrow(TypeError);
  });

  it('adds no breaker for check() and retryAfterMs()', () => {
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 1, name: 'host' });
    expect(breakers.check({ key: 'new' })).toBeUndefined();
    expect(breakers.check({ key: 'new', deadline: 0 })).toMatchObject({ rejectedBy: 'host:new' });
    expect(breakers.retryAfterMs({ key: 'new' })).toBe(0);
    expect(breakers.size).toBe(0);
    breakers.get('down').tryAcquire()?.failure();
    breakers.get('another').tryAcquire()?.failure();
    expect(breakers.check({ key: 'new' }), 'new keys share a breaker, which is open').toMatchObject({
      code: 'CIRCUIT_OPEN',
      rejectedBy: 'host',
    });
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

  it('stays within its bound and drops no breaker that is open, whatever keys are used', () => {
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
            openUntil.set(`${key}`, clock.now() + (breaker.retryAfterMs() ?? 0));
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
