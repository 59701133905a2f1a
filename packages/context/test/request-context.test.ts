import { type CallContext, isRejected, RejectedError } from '@bp/core';
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

describe('time', () => {
  it('is the earlier of the own deadline and that of the parent', () => {
    const clock = new VirtualClock(1000);
    const parent = new RequestContext({ timeoutMs: 100, clock });
    expect(parent.child().deadline).toBe(1100);
    expect(parent.child({ timeoutMs: 500 }).deadline).toBe(1100);
    expect(parent.child({ timeoutMs: 20 }).deadline).toBe(1020);
    expect(parent.child({ timeoutMs: 20, deadline: 1010 }).deadline).toBe(1010);
    expect(parent.child({ deadline: Number.POSITIVE_INFINITY }).deadline).toBe(1100);
    expect(new RequestContext({ clock }).child({ deadline: 1050 }).deadline).toBe(1050);
    expect(new RequestContext({ clock, timeoutMs: 50, deadline: 1010 }).remainingMs()).toBe(10);
  });

  it('runs out, and never below nothing', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    await clock.advance(4);
    expect(ctx.remainingMs()).toBe(6);
    await clock.advance(20);
    expect(ctx.remainingMs()).toBe(0);
  });

  it('ends it, told or asked, at once and with a reason that says so', async () => {
    const clock = new VirtualClock();
    const asked = new RequestContext({ timeoutMs: 10, clock });
    const told = new RequestContext({ timeoutMs: 10, name: 'checkout', clock });
    const reasons: ContextDoneError[] = [];
    told.onDone((reason) => reasons.push(reason));
    await clock.advance(9.9);
    expect([asked.done, told.done, told.signal.aborted]).toEqual([false, false, false]);
    await clock.advance(0.1);
    expect([asked.done, told.done, told.signal.aborted]).toEqual([true, true, true]);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatchObject({
      kind: 'deadline',
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'checkout',
      message: 'checkout is over: deadline',
      workBegan: true,
    });
    expect(told.signal.reason).toBe(reasons[0]);
    expect(told.doneReason).toBe(reasons[0]);
    expect(() => asked.throwIfDone()).toThrow(ContextDoneError);
  });

  it('says whose deadline it was', () => {
    const clock = new VirtualClock();
    const parent = new RequestContext({ timeoutMs: 20, name: 'request', clock });
    const [short, long] = [10, 50].map((timeoutMs) => parent.child({ timeoutMs, name: 'query' }));
    const told: string[] = [];
    for (const child of [short, long]) child?.onDone(({ rejectedBy }) => told.push(rejectedBy));
    clock.advanceSync(20);
    expect(told).toEqual(['query', 'request']);
    expect(long?.doneReason).toBe(parent.doneReason);
    const asked = new RequestContext({ timeoutMs: 5, name: 'request', clock }).child({
      timeoutMs: 50,
      name: 'query',
    });
    clock.advanceSync(5);
    expect(asked.doneReason?.rejectedBy).toBe('request');
  });

  it('is over for whoever asks before the timer could tell, and cannot be cancelled any more', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    const told: string[] = [];
    ctx.onDone(({ kind }) => told.push(kind));
    clock.jumpTo(10);
    expect(ctx.reason).toBe('deadline');
    ctx.cancel('shed');
    expect(told, 'the timer tells').toEqual([]);
    const asked = ctx.doneReason;
    clock.advanceSync(0);
    expect(told).toEqual(['deadline']);
    expect(ctx.doneReason, 'one reason for all').toBe(asked);
  });
});

describe('laziness', () => {
  it('sets no timer and makes no signal until somebody asks to be told, and leaves none when it ends', () => {
    const controllers = vi.spyOn(globalThis, 'AbortController');
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 100, clock });
    const child = ctx.child({ timeoutMs: 50 }).with(contextKey('user'), 'ada');
    expect([child.remainingMs(), child.done, ctx.done, child.detached().done]).toEqual([
      50,
      false,
      false,
      false,
    ]);
    child.throwIfDone();
    expect(clock.pendingTimers).toBe(0);
    child.onDone(() => {});
    expect(controllers).not.toHaveBeenCalled();
    expect(child.signal.aborted).toBe(false);
    expect(child.signal).toBe(child.signal);
    expect(controllers).toHaveBeenCalledTimes(1);
    expect(clock.pendingTimers).toBe(1);
    child.end();
    expect(clock.pendingTimers).toBe(0);
    controllers.mockRestore();
  });

  it('shares one timer among all contexts of a clock', () => {
    const clock = new VirtualClock();
    const all = Array.from({ length: 100 }, (_, i) => new RequestContext({ timeoutMs: 100 + i, clock }));
    const signals = all.map(({ signal }) => signal);
    expect(clock.pendingTimers).toBe(1);
    clock.advanceSync(149);
    expect(signals.filter(({ aborted }) => aborted)).toHaveLength(50);
    for (const ctx of all) ctx.end();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('cancelling', () => {
  it.each([
    ['cancelled', 'CANCELLED'],
    ['caller-gone', 'CANCELLED'],
    ['shed', 'SHED'],
    ['shutdown', 'SHUTTING_DOWN'],
  ] as const)('tells %s apart, and the first reason stays', (kind, code) => {
    const ctx = new RequestContext();
    const child = ctx.child();
    ctx.cancel(kind, 'why');
    ctx.cancel('cancelled', 'later');
    expect(child.reason).toBe(kind);
    expect(child.doneReason).toMatchObject({ kind, code, cause: 'why' });
    expect(isRejected(child.doneReason, code)).toBe(true);
  });

  it('is "cancelled" unless it says what it is, and takes no other word for it', () => {
    const ctx = new RequestContext();
    for (const kind of ['deadline', 'gone', '']) {
      expect(() => ctx.cancel(kind as 'cancelled')).toThrow('kind must be one of "cancelled", "caller-gone"');
    }
    expect(ctx.done).toBe(false);
    ctx.cancel();
    expect(ctx.reason).toBe('cancelled');
    expect(String(ctx.doneReason)).toBe('ContextDoneError: request-context is over: cancelled');
  });

  it('reaches what is below it and nothing above or beside it', () => {
    const parent = new RequestContext();
    const child = parent.child();
    const grandchild = child.child();
    const sibling = parent.child();
    const told: string[] = [];
    for (const ctx of [parent, child, grandchild, sibling]) ctx.onDone(({ kind }) => told.push(kind));
    child.cancel('shed');
    expect(told).toEqual(['shed', 'shed']);
    expect(grandchild.signal.aborted).toBe(true);
    expect([parent.done, sibling.done]).toEqual([false, false]);
  });

  it('follows an outer signal, also one that was aborted before', () => {
    const controller = new AbortController();
    const ctx = new RequestContext({ signal: controller.signal });
    const { signal } = ctx;
    controller.abort('gone');
    expect(signal.aborted).toBe(true);
    expect(ctx.doneReason).toMatchObject({ kind: 'cancelled', cause: 'gone' });
    const late = new RequestContext({ signal: controller.signal });
    expect([late.reason, late.signal.aborted]).toEqual(['cancelled', true]);
    expect(new RequestContext().child({ signal: controller.signal }).reason).toBe('cancelled');
  });

  it('has one reason, whoever asks in between and however many there are', () => {
    const outer = new AbortController();
    const ctx = new RequestContext({ signal: outer.signal });
    let asked: unknown;
    outer.signal.addEventListener('abort', () => {
      asked = ctx.doneReason;
    });
    let told: unknown;
    ctx.onDone((reason) => {
      told = reason;
    });
    outer.abort();
    expect(told).toBe(asked);
    const parent = new RequestContext();
    const child = parent.child({ signal: outer.signal });
    parent.cancel('shed');
    expect(child.doneReason, 'that of the parent first').toBe(parent.doneReason);
  });

  it.each<[string, unknown, DoneKind]>([
    ['a timeout', new DOMException('', 'TimeoutError'), 'deadline'],
    ['an abort', new DOMException('', 'AbortError'), 'cancelled'],
    ['a pool that closes', new RejectedError('SHUTTING_DOWN', 'pool'), 'shutdown'],
    ['a queue that sheds', new RejectedError('SHED', 'queue'), 'shed'],
    ['a primitive out of time', new RejectedError('DEADLINE_EXCEEDED', 'queue'), 'deadline'],
    ['another rejection', new RejectedError('RATE_LIMITED', 'bucket'), 'cancelled'],
  ])('takes the kind from the reason of an outer signal: %s', (_name, reason, kind) => {
    const ctx = new RequestContext({ signal: AbortSignal.abort(reason) });
    expect(ctx.doneReason).toMatchObject({ kind, cause: reason });
  });

  it('takes over the end of another context as it is, of another copy of the package by its kind', async () => {
    const other = new RequestContext();
    other.cancel('caller-gone');
    expect(new RequestContext({ signal: other.signal }).doneReason).toBe(other.doneReason);
    vi.resetModules();
    const copy = await import('../src/index.ts');
    const theirs = new copy.RequestContext();
    theirs.cancel('caller-gone');
    expect(theirs.doneReason).not.toBeInstanceOf(ContextDoneError);
    expect(new RequestContext({ signal: theirs.signal }).doneReason).toMatchObject({
      kind: 'caller-gone',
      cause: theirs.doneReason,
    });
  });
});

describe('listening', () => {
  it('calls everybody once, at once if it is over, and not after they have left', () => {
    const ctx = new RequestContext();
    const told: string[] = [];
    const leave = ctx.onDone(() => told.push('left'));
    ctx.onDone(() => told.push('stayed'));
    leave();
    leave();
    ctx.cancel();
    ctx.onDone(() => told.push('late'))();
    expect(told).toEqual(['stayed', 'late']);
  });

  it('calls the same function as often as it was added', () => {
    const ctx = new RequestContext();
    const listener = vi.fn();
    const leave = ctx.onDone(listener);
    ctx.onDone(listener);
    ctx.onDone(listener);
    leave();
    ctx.cancel();
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it('is the same for a signal, in the order of asking', () => {
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
  it('is won by the promise or by the end, and leaves no listener on whichever loses', async () => {
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

  it('is lost at once when it is over, and nobody is left with an unhandled rejection', async () => {
    const ctx = new RequestContext();
    ctx.cancel('shutdown');
    await expect(ctx.race(Promise.reject(new Error('own')))).rejects.toMatchObject({ kind: 'shutdown' });
  });
});

describe('the end', () => {
  it('lets no child outlive it, and leaves the signal that was handed out as it is', () => {
    const parent = new RequestContext();
    const { signal } = parent;
    const told: string[] = [];
    parent.onDone(() => told.push('parent'));
    const watched = parent.child();
    watched.onDone(({ kind }) => told.push(kind));
    const unwatched = parent.child();
    parent.end();
    expect(told).toEqual(['cancelled']);
    expect([unwatched.reason, parent.child().reason]).toEqual(['cancelled', 'cancelled']);
    parent.cancel();
    parent.end();
    expect(signal.aborted).toBe(false);
    expect(parent.signal).toBe(signal);
  });

  it('rejects whoever comes later: no primitive starts or keeps anything for it', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    ctx.end();
    expect(ctx.doneReason).toMatchObject({ kind: 'cancelled', cause: 'ended' });
    expect(() => ctx.throwIfDone()).toThrow(ContextDoneError);
    expect(ctx.signal.aborted, 'a signal first asked for now').toBe(true);
    expect(rejectionAtEntry(ctx, clock, 'pool')).toMatchObject({ code: 'CANCELLED', rejectedBy: 'pool' });
    const told: string[] = [];
    watchContext(ctx, clock, 'pool', ({ code }) => told.push(code));
    expect(told).toEqual(['CANCELLED']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the reason it had', () => {
    const ctx = new RequestContext();
    ctx.cancel('caller-gone');
    ctx.end();
    expect([ctx.reason, ctx.child().reason]).toEqual(['caller-gone', 'caller-gone']);
  });

  it('comes with the block', () => {
    let left: RequestContext;
    {
      using ctx = new RequestContext();
      left = ctx.child();
    }
    expect(left.done).toBe(true);
  });
});

describe('what travels along', () => {
  it('is values, priority, cost, key and name, to children and to detached work', () => {
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

  it('is neither deadline nor end for work that must finish', () => {
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

  it('has types', () => {
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
  it('is watched through onDone, without a signal being made', () => {
    const controllers = vi.spyOn(globalThis, 'AbortController');
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    const told: RejectedError[] = [];
    expect(rejectionAtEntry(ctx, clock, 'queue')).toBeUndefined();
    watchContext(ctx, clock, 'queue', (rejection) => told.push(rejection));
    const stop = watchContext(ctx, clock, 'queue', () => told.push(new RejectedError('SHED', 'never')));
    stop?.();
    clock.advanceSync(10);
    expect(controllers).not.toHaveBeenCalled();
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'queue', workBegan: false });
    expect(told[0]?.cause).toBe(ctx.doneReason);
    expect(clock.pendingTimers).toBe(0);
    controllers.mockRestore();
  });

  it.each([
    ['caller-gone', 'CANCELLED'],
    ['shed', 'SHED'],
    ['shutdown', 'SHUTTING_DOWN'],
  ] as const)('passes on why: %s', (kind, code) => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ clock });
    ctx.cancel(kind);
    expect(rejectionAtEntry(ctx.child(), clock, 'queue')).toMatchObject({ code, cause: { kind } });
  });
});
