import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { RequestContext } from '../src/index.ts';
import { listenersOn } from './signals.ts';

describe('defects of others, and of our own', () => {
  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5000, 2 ** 32, 2 ** 38])(
    'AbortSignal.timeout and friends fire at once above 2^31 - 1 ms: %d ms must be waited for',
    (timeoutMs) => {
      const clock = new VirtualClock();
      const { signal } = new RequestContext({ timeoutMs, clock });
      clock.advanceSync(timeoutMs - 1);
      expect(signal.aborted).toBe(false);
      clock.advanceSync(1);
      expect(signal.aborted).toBe(true);
    },
  );

  it('on the real clock too nothing may fire at once', async () => {
    const ctx = new RequestContext({ timeoutMs: 2 ** 31 + 5000 });
    const { signal } = ctx;
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(signal.aborted).toBe(false);
    ctx.end();
  });

  it('a wrapper that calls every abort a timeout hides who gave up: the reason must tell them apart', () => {
    const caller = new AbortController();
    const clock = new VirtualClock();
    const ctx = new RequestContext({ signal: caller.signal, timeoutMs: 10, clock });
    caller.abort();
    clock.advanceSync(20);
    expect(ctx.reason).toBe('cancelled');
  });

  it('AbortSignal.any leaves a listener on a parent that lives long: nothing may be left on it', () => {
    const outer = new AbortController();
    const clock = new VirtualClock();
    const ctx = new RequestContext({ signal: outer.signal, timeoutMs: 10, clock });
    expect(listenersOn(outer.signal), 'nobody asked').toBe(0);
    const leave = ctx.onDone(() => {});
    expect(listenersOn(outer.signal)).toBe(1);
    leave();
    expect(listenersOn(outer.signal), 'everybody left').toBe(0);
    ctx.child().signal.aborted;
    expect(listenersOn(outer.signal), 'a child asked').toBe(1);
    clock.advanceSync(10);
    expect(listenersOn(outer.signal), 'over').toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a parent whose own listener left must still tell its children', () => {
    const clock = new VirtualClock();
    const outer = new AbortController();
    const parent = new RequestContext({ timeoutMs: 10, signal: outer.signal, clock });
    const { signal } = parent.child();
    parent.onDone(() => {})();
    expect([clock.pendingTimers, listenersOn(outer.signal)]).toEqual([1, 1]);
    clock.advanceSync(10);
    expect(signal.aborted).toBe(true);
  });

  it('a listener that throws must not keep the others from being told', () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const ctx = new RequestContext();
    const told: string[] = [];
    ctx.child().onDone(() => {
      throw new Error('of a child');
    });
    ctx.onDone(() => {
      throw new Error('of a listener');
    });
    ctx.onDone(() => told.push('listener'));
    ctx.child().onDone(() => told.push('child'));
    const { signal } = ctx;
    ctx.cancel();
    expect(told).toEqual(['child', 'listener']);
    expect(signal.aborted).toBe(true);
    const errors = later.mock.calls.map(([surface]) => surface);
    expect(errors).toHaveLength(2);
    expect(errors[0]).toThrow('of a child');
    expect(errors[1]).toThrow('of a listener');
    later.mockRestore();
  });

  it('a listener that another one removes while they are told must not be called', () => {
    const ctx = new RequestContext();
    const told: string[] = [];
    ctx.onDone(() => {
      told.push('first');
      leave();
    });
    const leave = ctx.onDone(() => told.push('second'));
    ctx.cancel();
    expect(told).toEqual(['first']);
  });

  it('a listener that ends, cancels or listens again must not be told twice or lost', () => {
    const ctx = new RequestContext();
    const told: string[] = [];
    ctx.onDone(() => {
      ctx.cancel('shed');
      ctx.end();
      ctx.onDone(({ kind }) => told.push(`at once: ${kind}`));
    });
    ctx.onDone(({ kind }) => told.push(kind));
    ctx.cancel('caller-gone');
    expect(told).toEqual(['at once: caller-gone', 'caller-gone']);
  });

  it('jumps of the wall clock must change nothing', () => {
    vi.spyOn(Date, 'now').mockReturnValue(0);
    const ctx = new RequestContext({ timeoutMs: 60_000 });
    vi.spyOn(Date, 'now').mockReturnValue(Number.MAX_SAFE_INTEGER);
    expect(ctx.done).toBe(false);
    vi.restoreAllMocks();
  });
});
