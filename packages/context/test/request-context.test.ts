import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ContextDoneError, contextKey, RequestContext } from '../src/index.ts';

describe('RequestContext', () => {
  it('sets no timer until somebody asks to be told, and leaves none when it ends', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 100, clock });
    const child = ctx.child({ timeoutMs: 50 });
    expect(child.remainingMs()).toBe(50);
    expect(clock.pendingTimers).toBe(0);
    expect(child.signal.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(1);
    child.end();
    expect(clock.pendingTimers).toBe(0);
  });

  it('has the earlier of its own deadline and that of its parent', () => {
    const clock = new VirtualClock(1000);
    const parent = new RequestContext({ timeoutMs: 100, clock });
    expect(parent.child({ timeoutMs: 500 }).deadline).toBe(1100);
    expect(parent.child({ timeoutMs: 20 }).deadline).toBe(1020);
    expect(new RequestContext({ clock }).deadline).toBeUndefined();
    expect(new RequestContext({ clock, timeoutMs: 50, deadline: 1010 }).remainingMs()).toBe(10);
  });

  it('is over at its deadline, told or asked, with a reason that says so', async () => {
    const clock = new VirtualClock();
    const asked = new RequestContext({ timeoutMs: 10, clock });
    const told = new RequestContext({ timeoutMs: 10, clock });
    const reasons: ContextDoneError[] = [];
    told.onDone((reason) => reasons.push(reason));
    await clock.advance(9.9);
    expect([asked.done, told.done, told.signal.aborted]).toEqual([false, false, false]);
    await clock.advance(0.1);
    expect([asked.done, told.done, told.signal.aborted]).toEqual([true, true, true]);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatchObject({ kind: 'deadline', code: 'DEADLINE_EXCEEDED', workBegan: true });
    expect(told.signal.reason).toBe(reasons[0]);
    expect(() => asked.throwIfDone()).toThrow(ContextDoneError);
  });

  it.each([
    ['cancelled', 'CANCELLED'],
    ['caller-gone', 'CANCELLED'],
    ['shed', 'SHED'],
    ['shutdown', 'SHUTTING_DOWN'],
  ] as const)('tells %s apart', (kind, code) => {
    const ctx = new RequestContext();
    const child = ctx.child();
    ctx.cancel(kind, 'why');
    ctx.cancel('cancelled');
    expect(child.doneReason).toMatchObject({ kind, code, cause: 'why' });
    expect(isRejected(child.doneReason, code)).toBe(true);
  });

  it('cancels what is below it and nothing above', () => {
    const parent = new RequestContext();
    const child = parent.child();
    const grandchild = child.child();
    const told: string[] = [];
    grandchild.onDone(({ kind }) => told.push(kind));
    child.cancel('shed');
    expect(told).toEqual(['shed']);
    expect(grandchild.signal.aborted).toBe(true);
    expect(parent.done).toBe(false);
  });

  it('lets no child outlive it, and aborts its own signal neither before nor after a good end', () => {
    const parent = new RequestContext();
    const { signal } = parent;
    const told: string[] = [];
    const watched = parent.child();
    watched.onDone(({ kind }) => told.push(kind));
    const unwatched = parent.child();
    parent.end();
    expect(told).toEqual(['cancelled']);
    expect(unwatched.done).toBe(true);
    expect(signal.aborted).toBe(false);
    parent.cancel();
    expect(signal.aborted).toBe(false);
    expect(parent.child().done).toBe(true);
  });

  it('detaches work that must finish', () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, priority: 3, cost: 2, clock });
    const detached = ctx.detached();
    ctx.cancel();
    expect(detached).toMatchObject({ done: false, deadline: undefined, priority: 3, cost: 2 });
  });

  it('calls whoever listens once, at once if it is over, and not after they have left', () => {
    const ctx = new RequestContext();
    const told: string[] = [];
    const leave = ctx.onDone(() => told.push('left'));
    ctx.onDone(() => told.push('stayed'));
    leave();
    ctx.cancel();
    ctx.onDone(() => told.push('late'));
    expect(told).toEqual(['stayed', 'late']);
  });

  it('races a promise and leaves no listener on whichever loses', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    await expect(ctx.race(Promise.resolve(1))).resolves.toBe(1);
    await expect(ctx.race(Promise.reject(new Error('own')))).rejects.toThrow('own');
    expect(clock.pendingTimers).toBe(0);
    const late = ctx.race(new Promise(() => {}));
    late.catch(() => {});
    await clock.advance(10);
    await expect(late).rejects.toMatchObject({ kind: 'deadline' });
  });

  it('carries typed values, priority and cost along', () => {
    const user = contextKey<string>('user');
    const other = contextKey<string>('user');
    const ctx = new RequestContext({ priority: 2, cost: 3 }).with(user, 'ada').child({ priority: 1 });
    expect(ctx.get(user)).toBe('ada');
    expect(ctx.get(other)).toBeUndefined();
    expect(ctx.with(user, 'bob').get(user)).toBe('bob');
    expect(ctx).toMatchObject({ priority: 1, cost: 3 });
  });

  it('holds for longer than 2^31 - 1 ms', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 2 ** 32, clock });
    const { signal } = ctx;
    await clock.advance(2 ** 31 + 10);
    expect(signal.aborted).toBe(false);
    await clock.advance(2 ** 31);
    expect(signal.aborted).toBe(true);
  });

  it('follows an outer signal, also one that was aborted before', () => {
    const controller = new AbortController();
    const ctx = new RequestContext({ signal: controller.signal });
    const { signal } = ctx;
    controller.abort('gone');
    expect(signal.aborted).toBe(true);
    expect(ctx.doneReason).toMatchObject({ kind: 'cancelled', cause: 'gone' });
    expect(new RequestContext({ signal: controller.signal }).signal.aborted).toBe(true);
  });
});
