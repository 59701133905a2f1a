import { type CallContext, RejectedError } from '@bp/core';
import { rejectionAtEntry, watchContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import {
  ContextDoneError,
  type ContextKey,
  contextKey,
  type DoneKind,
  RequestContext,
} from '../src/index.ts';

describe('onDone', () => {
  it('calls each listener once, at once if the context is over, and not after its removal', () => {
    const ctx = new RequestContext();
    const notified: string[] = [];
    const leave = ctx.onDone(() => notified.push('left'));
    ctx.onDone(() => notified.push('stayed'));
    leave();
    leave();
    ctx.cancel();
    ctx.onDone(() => notified.push('late'))();
    expect(notified).toEqual(['stayed', 'late']);
  });

  it('calls a function as often as it was added', () => {
    const ctx = new RequestContext();
    const listener = vi.fn();
    const leave = ctx.onDone(listener);
    ctx.onDone(listener);
    ctx.onDone(listener);
    leave();
    ctx.cancel();
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it('orders listeners and the signal as they were added', () => {
    const ctx = new RequestContext();
    const order: string[] = [];
    ctx.onDone(() => order.push('listener'));
    ctx.signal.addEventListener('abort', () => order.push('signal'));
    ctx.onDone(() => order.push('later listener'));
    ctx.child().onDone(() => order.push('child'));
    ctx.cancel();
    expect(order).toEqual(['child', 'listener', 'signal', 'later listener']);
  });
});

describe('race', () => {
  it('settles with the promise or the end of the context, and leaves no listener', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    await expect(ctx.race(Promise.resolve(1))).resolves.toBe(1);
    const own = new Error('own');
    await expect(ctx.race(Promise.reject(own))).rejects.toBe(own);
    expect(clock.pendingTimers).toBe(0);
    const late = ctx.race(new Promise(() => {}));
    const lost = ctx.race(
      new Promise((_resolve, reject) => {
        clock.setTimer(() => reject(own), 20);
      }),
    );
    const ends = Promise.allSettled([late, lost]);
    await clock.advance(30);
    expect(await ends).toMatchObject([{ reason: { kind: 'deadline' } }, { reason: { kind: 'deadline' } }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects at once if the context is over, without an unhandled rejection', async () => {
    const ctx = new RequestContext();
    ctx.cancel('shutdown');
    await expect(ctx.race(Promise.reject(new Error('own')))).rejects.toMatchObject({ kind: 'shutdown' });
  });
});

describe('end', () => {
  it('cancels the children, and does not abort a signal that was handed out', () => {
    const parent = new RequestContext();
    const { signal } = parent;
    const notified: string[] = [];
    parent.onDone(() => notified.push('parent'));
    const watched = parent.child();
    watched.onDone(({ kind }) => notified.push(kind));
    const unwatched = parent.child();
    parent.end();
    expect(notified).toEqual(['cancelled']);
    expect([unwatched.reason, parent.child().reason]).toEqual(['cancelled', 'cancelled']);
    parent.cancel();
    parent.end();
    expect(signal.aborted).toBe(false);
    expect(parent.signal).toBe(signal);
  });

  it('rejects later calls with this context', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    ctx.end();
    expect(ctx.doneReason).toMatchObject({ kind: 'cancelled', cause: 'ended' });
    expect(() => ctx.throwIfDone()).toThrow(ContextDoneError);
    expect(ctx.signal.aborted, 'a signal that is first read now').toBe(true);
    expect(rejectionAtEntry(ctx, clock, 'pool')).toMatchObject({ code: 'CANCELLED', rejectedBy: 'pool' });
    const notified: string[] = [];
    watchContext(ctx, clock, 'pool', ({ code }) => notified.push(code));
    expect(notified).toEqual(['CANCELLED']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps an earlier reason', () => {
    const ctx = new RequestContext();
    ctx.cancel('caller-gone');
    ctx.end();
    expect([ctx.reason, ctx.child().reason]).toEqual(['caller-gone', 'caller-gone']);
  });

  it('is called by `using`', () => {
    let left: RequestContext;
    {
      using ctx = new RequestContext();
      left = ctx.child();
    }
    expect(left.done).toBe(true);
  });
});

describe('children and detached contexts', () => {
  it('keep values, priority, cost, key and name', () => {
    const user = contextKey<string>('user');
    const namesake = contextKey<string>('user');
    const clock = new VirtualClock();
    const ctx = new RequestContext({
      priority: 2,
      cost: 3,
      key: 'tenant-1',
      name: 'checkout',
      timeoutMs: 5,
      clock,
    }).with(user, 'ada');
    for (const below of [ctx, ctx.child(), ctx.child().child(), ctx.detached()]) {
      expect(below).toMatchObject({ priority: 2, cost: 3, key: 'tenant-1', name: 'checkout' });
      expect([below.get(user), below.get(namesake)]).toEqual(['ada', undefined]);
    }
    expect(ctx.child({ priority: 1, cost: 9, key: 'tenant-2', name: 'query' })).toMatchObject({
      key: 'tenant-2',
      priority: 1,
      cost: 9,
      name: 'query',
    });
    expect([ctx.with(user, 'bob').get(user), ctx.get(user)]).toEqual(['bob', 'ada']);
  });

  it('have neither deadline nor end of the parent if they are detached', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, signal: new AbortController().signal, clock });
    const detached = ctx.detached();
    const bounded = ctx.detached({ timeoutMs: 50, priority: -1 });
    ctx.cancel();
    ctx.end();
    clock.advanceSync(20);
    expect(detached).toMatchObject({ done: false, deadline: undefined });
    expect(bounded).toMatchObject({ done: false, deadline: 50, priority: -1 });
    clock.advanceSync(30);
    expect(bounded.reason).toBe('deadline');
  });

  it('have types', () => {
    const key = contextKey<{ readonly id: number }>('user');
    const ctx = new RequestContext();
    expectTypeOf(key).toEqualTypeOf<ContextKey<{ readonly id: number }>>();
    expectTypeOf(ctx.get(key)).toEqualTypeOf<{ readonly id: number } | undefined>();
    // @ts-expect-error: not a value of this key
    ctx.with(key, 'ada');
    expectTypeOf<RequestContext>().toExtend<CallContext>();
    expectTypeOf(ctx.reason).toEqualTypeOf<DoneKind | undefined>();
    expectTypeOf<ConstructorParameters<typeof RequestContext>['length']>().toEqualTypeOf<0 | 1>();
  });
});

describe('as the ctx of a primitive', () => {
  it('is watched through onDone, and makes no signal', () => {
    const controllers = vi.spyOn(globalThis, 'AbortController');
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    const notified: RejectedError[] = [];
    expect(rejectionAtEntry(ctx, clock, 'queue')).toBeUndefined();
    watchContext(ctx, clock, 'queue', (rejection) => notified.push(rejection));
    const stop = watchContext(ctx, clock, 'queue', () => notified.push(new RejectedError('SHED', 'never')));
    stop?.();
    clock.advanceSync(10);
    expect(controllers).not.toHaveBeenCalled();
    expect(notified).toHaveLength(1);
    expect(notified[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'queue', workBegan: false });
    expect(notified[0]?.cause).toBe(ctx.doneReason);
    expect(clock.pendingTimers).toBe(0);
    controllers.mockRestore();
  });

  it.each([
    ['caller-gone', 'CANCELLED'],
    ['shed', 'SHED'],
    ['shutdown', 'SHUTTING_DOWN'],
  ] as const)('passes the reason on: %s', (kind, code) => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ clock });
    ctx.cancel(kind);
    expect(rejectionAtEntry(ctx.child(), clock, 'queue')).toMatchObject({ code, cause: { kind } });
  });
});
