import { isRejected, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { ContextDoneError, contextKey, type DoneKind, RequestContext } from '../src/index.ts';

describe('the deadline', () => {
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

  it('leaves no less than 0 ms', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    await clock.advance(4);
    expect(ctx.remainingMs()).toBe(6);
    await clock.advance(20);
    expect(ctx.remainingMs()).toBe(0);
  });

  it('ends the context exactly on time, with listeners and without', async () => {
    const clock = new VirtualClock();
    const unwatched = new RequestContext({ timeoutMs: 10, clock });
    const notified = new RequestContext({ timeoutMs: 10, name: 'checkout', clock });
    const reasons: ContextDoneError[] = [];
    notified.onDone((reason) => reasons.push(reason));
    await clock.advance(9.9);
    expect([unwatched.done, notified.done, notified.signal.aborted]).toEqual([false, false, false]);
    await clock.advance(0.1);
    expect([unwatched.done, notified.done, notified.signal.aborted]).toEqual([true, true, true]);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatchObject({
      kind: 'deadline',
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'checkout',
      message: 'checkout is over: deadline',
      workBegan: true,
    });
    expect(notified.signal.reason).toBe(reasons[0]);
    expect(notified.doneReason).toBe(reasons[0]);
    expect(() => unwatched.throwIfDone()).toThrow(ContextDoneError);
  });

  it('names the context whose deadline passed first', () => {
    const clock = new VirtualClock();
    const parent = new RequestContext({ timeoutMs: 20, name: 'request', clock });
    const [short, long] = [10, 50].map((timeoutMs) => parent.child({ timeoutMs, name: 'query' }));
    const notified: string[] = [];
    for (const child of [short, long]) child?.onDone(({ rejectedBy }) => notified.push(rejectedBy));
    clock.advanceSync(20);
    expect(notified).toEqual(['query', 'request']);
    expect(long?.doneReason).toBe(parent.doneReason);
    const unwatched = new RequestContext({ timeoutMs: 5, name: 'request', clock }).child({
      timeoutMs: 50,
      name: 'query',
    });
    clock.advanceSync(5);
    expect(unwatched.doneReason?.rejectedBy).toBe('request');
  });

  it('counts before its timer has fired, and then prevents a cancellation', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    const notified: string[] = [];
    ctx.onDone(({ kind }) => notified.push(kind));
    clock.jumpTo(10);
    expect(ctx.reason).toBe('deadline');
    ctx.cancel('shed');
    expect(notified, 'the timer tells').toEqual([]);
    const unwatched = ctx.doneReason;
    clock.advanceSync(0);
    expect(notified).toEqual(['deadline']);
    expect(ctx.doneReason, 'one reason for all').toBe(unwatched);
  });
});

describe('laziness', () => {
  it('sets no timer and makes no signal without a listener, and leaves none when it ends', () => {
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

  it('is "cancelled" by default, and rejects an unknown kind', () => {
    const ctx = new RequestContext();
    for (const kind of ['deadline', 'gone', '']) {
      expect(() => ctx.cancel(kind as 'cancelled')).toThrow('kind must be one of "cancelled", "caller-gone"');
    }
    expect(ctx.done).toBe(false);
    ctx.cancel();
    expect(ctx.reason).toBe('cancelled');
    expect(String(ctx.doneReason)).toBe('ContextDoneError: request-context is over: cancelled');
  });

  it('ends the children, and neither parent nor siblings', () => {
    const parent = new RequestContext();
    const child = parent.child();
    const grandchild = child.child();
    const sibling = parent.child();
    const notified: string[] = [];
    for (const ctx of [parent, child, grandchild, sibling]) ctx.onDone(({ kind }) => notified.push(kind));
    child.cancel('shed');
    expect(notified).toEqual(['shed', 'shed']);
    expect(grandchild.signal.aborted).toBe(true);
    expect([parent.done, sibling.done]).toEqual([false, false]);
  });

  it('follows an outer signal, also one that is aborted already', () => {
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

  it('has one reason, however often it is read', () => {
    const outer = new AbortController();
    const ctx = new RequestContext({ signal: outer.signal });
    let unwatched: unknown;
    outer.signal.addEventListener('abort', () => {
      unwatched = ctx.doneReason;
    });
    let notified: unknown;
    ctx.onDone((reason) => {
      notified = reason;
    });
    outer.abort();
    expect(notified).toBe(unwatched);
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
  ])('derives the kind from the reason of an outer signal: %s', (_name, reason, kind) => {
    const ctx = new RequestContext({ signal: AbortSignal.abort(reason) });
    expect(ctx.doneReason).toMatchObject({ kind, cause: reason });
  });

  it('keeps the error of another context, and the kind of one of another copy of the package', async () => {
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
