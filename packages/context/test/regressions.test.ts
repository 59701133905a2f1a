import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { RequestContext } from '../src/index.ts';
import { collectUncaught } from './collect-uncaught.ts';
import { listenersOn } from './signals.ts';

describe('defects of other libraries and earlier versions', () => {
  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5000, 2 ** 32, 2 ** 38])(
    'AbortSignal.timeout fires at once above 2^31 - 1 ms: a context must wait for %d ms',
    (timeoutMs) => {
      const clock = new VirtualClock();
      const { signal } = new RequestContext({ timeoutMs, clock });
      clock.advanceSync(timeoutMs - 1);
      expect(signal.aborted).toBe(false);
      clock.advanceSync(1);
      expect(signal.aborted).toBe(true);
    },
  );

  it('a long timeout must not fire at once on the real clock', async () => {
    const ctx = new RequestContext({ timeoutMs: 2 ** 31 + 5000 });
    const { signal } = ctx;
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(signal.aborted).toBe(false);
    ctx.end();
  });

  it('a wrapper reports every abort as a timeout: the reason must distinguish them', () => {
    const caller = new AbortController();
    const clock = new VirtualClock();
    const ctx = new RequestContext({ signal: caller.signal, timeoutMs: 10, clock });
    caller.abort();
    clock.advanceSync(20);
    expect(ctx.reason).toBe('cancelled');
  });

  it('AbortSignal.any leaves a listener on a long-lived parent: a context must leave none', () => {
    const outer = new AbortController();
    const clock = new VirtualClock();
    const ctx = new RequestContext({ signal: outer.signal, timeoutMs: 10, clock });
    expect(listenersOn(outer.signal), 'no listener').toBe(0);
    const remove = ctx.onDone(() => {});
    expect(listenersOn(outer.signal)).toBe(1);
    remove();
    expect(listenersOn(outer.signal), 'removed').toBe(0);
    ctx.child().signal.aborted;
    expect(listenersOn(outer.signal), 'a child has a signal').toBe(1);
    clock.advanceSync(10);
    expect(listenersOn(outer.signal), 'over').toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a parent whose own listener was removed must still notify its children', () => {
    const clock = new VirtualClock();
    const outer = new AbortController();
    const parent = new RequestContext({ timeoutMs: 10, signal: outer.signal, clock });
    const { signal } = parent.child();
    parent.onDone(() => {})();
    expect([clock.pendingTimers, listenersOn(outer.signal)]).toEqual([1, 1]);
    clock.advanceSync(10);
    expect(signal.aborted).toBe(true);
  });

  it('a listener that throws must not prevent the other calls', async () => {
    const uncaught = collectUncaught();
    const ctx = new RequestContext();
    const calls: string[] = [];
    ctx.child().onDone(() => {
      throw new Error('of a child');
    });
    ctx.onDone(() => {
      throw new Error('of a listener');
    });
    ctx.onDone(() => calls.push('listener'));
    ctx.child().onDone(() => calls.push('child'));
    const { signal } = ctx;
    ctx.cancel();
    expect(calls).toEqual(['child', 'listener']);
    expect(signal.aborted).toBe(true);
    await Promise.resolve();
    expect(uncaught).toEqual([new Error('of a child'), new Error('of a listener')]);
  });

  it('a listener that another listener removes must not be called', () => {
    const ctx = new RequestContext();
    const calls: string[] = [];
    ctx.onDone(() => {
      calls.push('first');
      remove();
    });
    const remove = ctx.onDone(() => calls.push('second'));
    ctx.cancel();
    expect(calls).toEqual(['first']);
  });

  it('a listener that ends, cancels or listens again must be called once', () => {
    const ctx = new RequestContext();
    const calls: string[] = [];
    ctx.onDone(() => {
      ctx.cancel('shed');
      ctx.end();
      ctx.onDone(({ kind }) => calls.push(`at once: ${kind}`));
    });
    ctx.onDone(({ kind }) => calls.push(kind));
    ctx.cancel('caller-gone');
    expect(calls).toEqual(['at once: caller-gone', 'caller-gone']);
  });

  it('changes of the wall clock must have no effect', () => {
    vi.spyOn(Date, 'now').mockReturnValue(0);
    const ctx = new RequestContext({ timeoutMs: 60_000 });
    vi.spyOn(Date, 'now').mockReturnValue(Number.MAX_SAFE_INTEGER);
    expect(ctx.done).toBe(false);
    vi.restoreAllMocks();
  });
});
