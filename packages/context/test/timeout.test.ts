import { type CallContext, compose, type Policy, RejectedError } from '@bp/core';
import { rejectionAtEntry, watchContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { contextKey, RequestContext, timeout } from '../src/index.ts';
import { listenersOn } from './signals.ts';

/** The outcome of a call, for tests that advance the clock before they await it. */
const outcome = (call: Promise<unknown>): Promise<PromiseSettledResult<unknown>> =>
  Promise.allSettled([call]).then(([result]) => result as PromiseSettledResult<unknown>);

const never = (): Promise<never> => new Promise(() => {});

describe('timeout', () => {
  it('rejects at the deadline, and aborts the signal of the work', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, name: 'payment', clock });
    let aborted: unknown;
    const call = outcome(
      policy.execute(({ signal }) => {
        signal?.addEventListener('abort', () => {
          aborted = signal.reason;
        });
        return never();
      }, new RequestContext({ clock })),
    );
    await clock.advance(49);
    expect(aborted).toBeUndefined();
    await clock.advance(1);
    const reason = { kind: 'deadline', code: 'DEADLINE_EXCEEDED', rejectedBy: 'payment', workBegan: true };
    expect(await call).toMatchObject({ status: 'rejected', reason });
    expect(aborted).toMatchObject(reason);
    expect(clock.pendingTimers).toBe(0);
  });

  it('passes results and errors untouched, and leaves nothing behind', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const result = {};
    await expect(policy.execute(() => result)).resolves.toBe(result);
    const own = new Error('own');
    await expect(policy.execute(() => Promise.reject(own))).rejects.toBe(own);
    const throwing = (): never => {
      throw own;
    };
    await expect(policy.execute(throwing)).rejects.toBe(own);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps an earlier deadline and the other fields', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const ctx = { deadline: 20, priority: 7, cost: 3 };
    await policy.execute((inner) => expect(inner).toMatchObject(ctx), ctx);
    const user = contextKey<string>('user');
    const caller = new RequestContext({ timeoutMs: 1000, priority: 2, clock }).with(user, 'ada');
    await policy.execute((inner) => {
      expect(inner).toMatchObject({ deadline: 50, priority: 2 });
      expect((inner as RequestContext).get(user)).toBe('ada');
    }, caller);
  });

  it('does not begin a call that is over, and rejects in its own name', async () => {
    const clock = new VirtualClock(100);
    const policy = timeout({ timeoutMs: 50, clock });
    const ctx = new RequestContext({ clock });
    ctx.cancel('shed');
    const work = vi.fn();
    await expect(policy.execute(work, { deadline: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'timeout',
      workBegan: false,
    });
    await expect(policy.execute(work, ctx)).rejects.toMatchObject({ code: 'SHED', rejectedBy: 'timeout' });
    expect(work).not.toHaveBeenCalled();
  });

  it('ends the context with the call, so that later calls with it are rejected', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    for (const outer of [new RequestContext({ clock }), { priority: 1 }]) {
      let inner: CallContext = {};
      await policy.execute((ctx) => {
        inner = ctx;
      }, outer);
      expect(inner.doneReason).toMatchObject({ code: 'CANCELLED' });
      expect(rejectionAtEntry(inner, clock, 'pool')).toMatchObject({ code: 'CANCELLED' });
    }
  });

  it.each<[string, () => unknown]>([
    ['returns a result', () => undefined],
    ['throws an error of its own', () => Promise.reject(new Error('aborted'))],
  ])('rejects at the deadline even if the work then %s', async (_name, react) => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const call = outcome(
      policy.execute(async (ctx) => {
        await new Promise<void>((resolve) => ctx.onDone?.(() => resolve()));
        return react();
      }, new RequestContext({ clock })),
    );
    await clock.advance(50);
    expect(await call).toMatchObject({ status: 'rejected', reason: { kind: 'deadline' } });
  });

  it('rejects with the rejection of the primitive in which the call still waits', async () => {
    const clock = new VirtualClock();
    const waiting: Policy = {
      execute: (_fn, ctx = {}) =>
        new Promise<never>((_resolve, reject) => watchContext(ctx, clock, 'database', reject)),
    };
    const policy = compose(timeout({ timeoutMs: 50, clock }), waiting);
    const work = vi.fn();
    const call = outcome(policy.execute(work));
    await clock.advance(50);
    expect(await call).toMatchObject({
      status: 'rejected',
      reason: { code: 'DEADLINE_EXCEEDED', rejectedBy: 'database', workBegan: false },
    });
    expect(work).not.toHaveBeenCalled();
    expect(clock.pendingTimers).toBe(0);
  });

  it('follows a plain signal, and leaves no listener on it', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const outer = new AbortController();
    await policy.execute(() => 1, { signal: outer.signal });
    expect(listenersOn(outer.signal)).toBe(0);
    const call = outcome(policy.execute(never, { signal: outer.signal }));
    expect(listenersOn(outer.signal)).toBe(1);
    outer.abort(new RejectedError('SHUTTING_DOWN', 'server'));
    await clock.advance(0);
    expect(await call).toMatchObject({ reason: { code: 'SHUTTING_DOWN', workBegan: true } });
    expect([listenersOn(outer.signal), clock.pendingTimers]).toEqual([0, 0]);
  });

  it('follows a context of another kind without a signal, and leaves no listener on it', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const listeners = new Set<(reason: unknown) => void>();
    const theirs: CallContext = {
      priority: 4,
      onDone: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    await policy.execute((inner) => expect(inner.priority).toBe(4), theirs);
    expect(listeners.size).toBe(0);
    const call = outcome(policy.execute(never, theirs));
    expect(listeners.size).toBe(1);
    for (const listener of listeners) listener(new RejectedError('SHED', 'queue'));
    await clock.advance(0);
    expect(await call).toMatchObject({ reason: { code: 'SHED', workBegan: true } });
    expect([listeners.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('carries the values of a context that another copy of the package made', async () => {
    const clock = new VirtualClock();
    vi.resetModules();
    const copy = await import('../src/index.ts');
    const user = copy.contextKey<string>('user');
    const theirs = new copy.RequestContext({ clock }).with(user, 'ada');
    const policy = timeout({ timeoutMs: 50, clock });
    const call = policy.execute((inner) => (inner as typeof theirs).get(user), theirs);
    await expect(call).resolves.toBe('ada');
  });

  it('nests: the shortest timeout rejects', async () => {
    const clock = new VirtualClock();
    const policy = compose(
      timeout({ timeoutMs: 100, name: 'whole', clock }),
      timeout({ timeoutMs: 30, name: 'try', clock }),
    );
    const call = outcome(policy.execute(never));
    await clock.advance(30);
    expect(await call).toMatchObject({ reason: { rejectedBy: 'try' } });
    const whole = compose(
      timeout({ timeoutMs: 30, name: 'whole', clock }),
      timeout({ timeoutMs: 100, name: 'try', clock }),
    );
    const other = outcome(whole.execute(never));
    await clock.advance(30);
    expect(await other).toMatchObject({ reason: { rejectedBy: 'whole' } });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is a policy, and rejects with the error that ended the context', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 1, clock });
    expectTypeOf(policy).toEqualTypeOf<Policy>();
    const plain = outcome(policy.execute(never));
    const request = outcome(policy.execute(never, new RequestContext({ clock })));
    await clock.advance(1);
    const reason = { code: 'DEADLINE_EXCEEDED', rejectedBy: 'timeout', workBegan: true };
    expect(await plain).toMatchObject({ reason });
    expect(await request).toMatchObject({ reason: { ...reason, kind: 'deadline' } });
  });
});
