import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallContext, RejectedError } from '../src/index.ts';
import { EMPTY_CONTEXT, rejectionAtEntry, rejectionFor, watchContext } from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

/** An AbortController whose signal counts the listeners it has. */
function countedController() {
  const controller = new AbortController();
  const { signal } = controller;
  const counted = { controller, signal, listeners: 0 };
  const { addEventListener, removeEventListener } = signal;
  const added = new Set<unknown>();
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    added.add(args[1]);
    counted.listeners = added.size;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    added.delete(args[1]);
    counted.listeners = added.size;
    removeEventListener.apply(signal, args);
  };
  return counted;
}

/** The smallest context that has no signal but `onDone`. */
function doneContext() {
  const listeners = new Set<(reason: unknown) => void>();
  const ctx = {
    doneReason: undefined as unknown,
    onDone(listener: (reason: unknown) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const end = (reason: unknown): void => {
    ctx.doneReason = reason;
    for (const listener of listeners) listener(reason);
  };
  return { ctx, listeners, end };
}

describe('EMPTY_CONTEXT', () => {
  it('says nothing and cannot be made to', () => {
    expect(EMPTY_CONTEXT).toEqual({});
    expect(Object.isFrozen(EMPTY_CONTEXT)).toBe(true);
  });
});

describe('rejectionFor', () => {
  it('keeps the code of the rejection that ended the call, but is one of its own', () => {
    const reason = new RejectedError('SHUTTING_DOWN', 'pool', { retryAfterMs: 5, workBegan: true });
    const rejection = rejectionFor(reason, 'queue');
    expect(rejection).not.toBe(reason);
    expect(rejection).toMatchObject({
      code: 'SHUTTING_DOWN',
      rejectedBy: 'queue',
      cause: reason,
      workBegan: false,
    });
    expect(rejection.retryAfterMs, 'what another primitive computed says nothing here').toBeUndefined();
  });

  it.each([
    [new DOMException('too late', 'TimeoutError'), 'DEADLINE_EXCEEDED'],
    [new DOMException('gone', 'AbortError'), 'CANCELLED'],
    [new Error('closed'), 'CANCELLED'],
    ['TimeoutError', 'CANCELLED'],
    [undefined, 'CANCELLED'],
    [null, 'CANCELLED'],
  ] as const)('%s is %s', (reason, code) => {
    expect(rejectionFor(reason, 'queue')).toMatchObject({ code, rejectedBy: 'queue' });
    expect(rejectionFor(reason, 'queue').cause).toBe(reason);
  });

  it('tells AbortSignal.timeout from abort()', async () => {
    const signal = AbortSignal.timeout(1);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(rejectionFor(signal.reason, 'queue').code).toBe('DEADLINE_EXCEEDED');
    expect(rejectionFor(AbortSignal.abort().reason, 'queue').code).toBe('CANCELLED');
  });
});

describe('rejectionAtEntry', () => {
  const clock = new VirtualClock(1000);

  it.each<[string, CallContext]>([
    ['nothing', {}],
    ['a deadline to come', { deadline: 1000.001 }],
    ['no deadline in words', { deadline: Number.POSITIVE_INFINITY }],
    ['a signal', { signal: new AbortController().signal }],
    ['a context', { ...doneContext().ctx, deadline: 2000 }],
  ])('lets pass: %s', (_name, ctx) => expect(rejectionAtEntry(ctx, clock, 'queue')).toBeUndefined());

  it.each<[string, CallContext, string]>([
    ['a deadline that is now', { deadline: 1000 }, 'DEADLINE_EXCEEDED'],
    ['a deadline that has passed', { deadline: -1 }, 'DEADLINE_EXCEEDED'],
    ['an aborted signal', { signal: AbortSignal.abort() }, 'CANCELLED'],
    ['an aborted signal and a deadline', { signal: AbortSignal.abort(), deadline: 1 }, 'CANCELLED'],
    ['a context that is over', { ...doneContext().ctx, doneReason: new RejectedError('SHED', 'x') }, 'SHED'],
    [
      'a context past its deadline that nobody told yet',
      { ...doneContext().ctx, deadline: 1 },
      'DEADLINE_EXCEEDED',
    ],
  ])('rejects %s', (_name, ctx, code) => {
    expect(rejectionAtEntry(ctx, clock, 'queue')).toMatchObject({ code, rejectedBy: 'queue' });
  });

  it('does not touch the signal of a context with onDone: making one may cost', () => {
    const ctx = {
      ...doneContext().ctx,
      get signal(): AbortSignal {
        throw new Error('was read');
      },
    };
    expect(rejectionAtEntry(ctx, clock, 'queue')).toBeUndefined();
    expect(watchContext(ctx, clock, 'queue', () => {})).toBeTypeOf('function');
  });
});

describe('watchContext', () => {
  it('watches nothing where nothing can end', () => {
    const clock = new VirtualClock();
    expect(watchContext({ priority: 3, cost: 2 }, clock, 'queue', () => {})).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no listener and no timer and tells exactly once, whichever comes first', () => {
    const ends = fc.record({
      withSignal: fc.boolean(),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      abortMs: fc.integer({ min: 1, max: 20 }),
      stopMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(ends, ({ withSignal, deadlineMs, abortMs, stopMs }) => {
        const clock = new VirtualClock();
        const caller = countedController();
        const signal = withSignal ? caller.signal : undefined;
        const told: { code: string; at: number }[] = [];
        // Set before the watch, so that at the same instant whoever stops is first and the signal comes second.
        if (stopMs !== undefined) clock.setTimer(() => stop?.(), stopMs);
        clock.setTimer(() => caller.controller.abort(), abortMs);
        const stop = watchContext({ signal, deadline: deadlineMs }, clock, 'queue', ({ code }) => {
          told.push({ code, at: clock.now() });
        });
        clock.advanceSync(30);

        const abortedAt = withSignal ? abortMs : Number.POSITIVE_INFINITY;
        const expiredAt = deadlineMs ?? Number.POSITIVE_INFINITY;
        const at = Math.min(abortedAt, expiredAt);
        const expected =
          at === Number.POSITIVE_INFINITY || (stopMs !== undefined && stopMs <= at)
            ? []
            : [{ code: abortedAt <= expiredAt ? 'CANCELLED' : 'DEADLINE_EXCEEDED', at }];
        expect(told).toEqual(expected);
        expect(caller.listeners).toBe(stop === undefined || told.length > 0 || stopMs !== undefined ? 0 : 1);
        expect(clock.pendingTimers).toBe(0);
        stop?.();
        expect(caller.listeners).toBe(0);
      }),
    );
  });

  it('tells at once of a signal that was aborted since the call was let in', () => {
    const clock = new VirtualClock();
    const told: string[] = [];
    const signal = AbortSignal.abort(new RejectedError('SHED', 'queue'));
    const stop = watchContext({ signal, deadline: 5 }, clock, 'pool', ({ code, rejectedBy }) => {
      told.push(`${rejectedBy} ${code}`);
    });
    expect(told).toEqual(['pool SHED']);
    expect(stop).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells in the next turn at the earliest of a deadline that has passed', () => {
    const clock = new VirtualClock(100);
    const told: string[] = [];
    watchContext({ deadline: 50 }, clock, 'queue', ({ code }) => told.push(code));
    expect(told).toEqual([]);
    clock.advanceSync(0);
    expect(told).toEqual(['DEADLINE_EXCEEDED']);
  });

  it('asks a context with onDone alone, which knows its own deadline', () => {
    const clock = new VirtualClock();
    const { ctx, listeners, end } = doneContext();
    const told: RejectedError[] = [];
    const stop = watchContext({ ...ctx, deadline: 5 }, clock, 'queue', (rejection) => told.push(rejection));
    expect(clock.pendingTimers).toBe(0);
    end(new RejectedError('DEADLINE_EXCEEDED', 'request-context', { workBegan: true }));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'queue', workBegan: false });
    stop?.();
    expect(listeners.size).toBe(0);
  });
});
