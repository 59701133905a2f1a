import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesAllocated, NO_BYTES } from '../../../.config/memory.ts';
import { type CallContext, RejectedError } from '../src/index.ts';
import {
  EMPTY_CONTEXT,
  isOver,
  rejectionAtEntry,
  rejectionFor,
  rejectionIfOver,
  watchContext,
} from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

const TEN_YEARS_MS = 10 * 365.25 * 24 * 3600 * 1000;

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
  it('is empty and frozen', () => {
    expect(EMPTY_CONTEXT).toEqual({});
    expect(Object.isFrozen(EMPTY_CONTEXT)).toBe(true);
  });
});

describe('rejectionFor', () => {
  it('keeps the code of the rejection that ended the call, in the name of the primitive', () => {
    const reason = new RejectedError('SHUTTING_DOWN', 'pool', { retryAfterMs: 5, workBegan: true });
    const rejection = rejectionFor(reason, 'queue');
    expect(rejection).not.toBe(reason);
    expect(rejection).toMatchObject({
      code: 'SHUTTING_DOWN',
      rejectedBy: 'queue',
      cause: reason,
      workBegan: false,
    });
    expect(rejection.retryAfterMs, 'the wait of another primitive').toBeUndefined();
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

  it('distinguishes AbortSignal.timeout from abort()', async () => {
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
    ['no deadline, explicitly', { deadline: Number.POSITIVE_INFINITY }],
    ['a signal', { signal: new AbortController().signal }],
    ['a context', { ...doneContext().ctx, deadline: 2000 }],
  ])('admits %s', (_name, ctx) => expect(rejectionAtEntry(ctx, clock, 'queue')).toBeUndefined());

  it.each<[string, CallContext, string]>([
    ['a deadline that is now', { deadline: 1000 }, 'DEADLINE_EXCEEDED'],
    ['a deadline that has passed', { deadline: -1 }, 'DEADLINE_EXCEEDED'],
    ['an aborted signal', { signal: AbortSignal.abort() }, 'CANCELLED'],
    ['an aborted signal and a deadline', { signal: AbortSignal.abort(), deadline: 1 }, 'CANCELLED'],
    ['a context that is over', { ...doneContext().ctx, doneReason: new RejectedError('SHED', 'x') }, 'SHED'],
    [
      'a context past its deadline that has not fired yet',
      { ...doneContext().ctx, deadline: 1 },
      'DEADLINE_EXCEEDED',
    ],
  ])('rejects %s', (_name, ctx, code) => {
    expect(rejectionAtEntry(ctx, clock, 'queue')).toMatchObject({ code, rejectedBy: 'queue' });
  });

  it.each<[string, unknown, ErrorConstructor]>([
    ['NaN', Number.NaN, RangeError],
    ['a time of Date.now()', Date.now() + 50, RangeError],
    ['more than ten years ahead', 1001 + TEN_YEARS_MS, RangeError],
    ['a string', '5000', TypeError],
    ['a date', new Date(), TypeError],
  ])('throws for a deadline that cannot be one: %s', (_name, deadline, type) => {
    const check = (): unknown => rejectionAtEntry({ deadline } as CallContext, clock, 'queue');
    expect(check).toThrow(type);
    expect(check).toThrow('deadline must be a time of the primitive');
  });

  it('does not read the signal of a context with onDone: it may be costly', () => {
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

describe('isOver', () => {
  const clock = new VirtualClock(1000);

  it.each<[string, CallContext, boolean]>([
    ['nothing', {}, false],
    ['a deadline to come', { deadline: 1000.001 }, false],
    ['a deadline in ten years', { deadline: 1000 + TEN_YEARS_MS }, false],
    ['no deadline', { deadline: Number.POSITIVE_INFINITY }, false],
    ['a deadline that is now', { deadline: 1000 }, true],
    ['a deadline of another clock', { deadline: 1e12 }, true],
    ['NaN', { deadline: Number.NaN }, true],
    ['a string', { deadline: '5000' as unknown as number }, true],
    ['an aborted signal', { signal: AbortSignal.abort() }, true],
    ['a context that is over', { ...doneContext().ctx, doneReason: 'gone' }, true],
  ])('%s', (_name, ctx, over) => {
    expect(isOver(ctx, clock)).toBe(over);
    expect(rejectionIfOver(ctx, clock, 'queue') !== undefined).toBe(over);
  });

  it('allocates nothing', () => {
    const ctx = { deadline: 900, priority: 1 };
    expect(isOver(ctx, clock)).toBe(true);
    expect(bytesAllocated(() => isOver(ctx, clock))).toBeLessThan(NO_BYTES / 2);
  });
});

describe('watchContext', () => {
  it('watches nothing if the call cannot end', () => {
    const clock = new VirtualClock();
    expect(watchContext({ priority: 3, cost: 2 }, clock, 'queue', () => {})).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('calls back exactly once, whichever comes first, and leaves no listener and no timer', () => {
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
        const notified: { code: string; at: number }[] = [];
        // Set before the watch, so that at the same time stopping comes first and the signal second.
        if (stopMs !== undefined) clock.setTimer(() => stop?.(), stopMs);
        clock.setTimer(() => caller.controller.abort(), abortMs);
        const stop = watchContext({ signal, deadline: deadlineMs }, clock, 'queue', ({ code }) => {
          notified.push({ code, at: clock.now() });
        });
        clock.advanceSync(30);

        const abortedAt = withSignal ? abortMs : Number.POSITIVE_INFINITY;
        const expiredAt = deadlineMs ?? Number.POSITIVE_INFINITY;
        const at = Math.min(abortedAt, expiredAt);
        const expected =
          at === Number.POSITIVE_INFINITY || (stopMs !== undefined && stopMs <= at)
            ? []
            : [{ code: abortedAt <= expiredAt ? 'CANCELLED' : 'DEADLINE_EXCEEDED', at }];
        expect(notified).toEqual(expected);
        expect(caller.listeners).toBe(
          stop === undefined || notified.length > 0 || stopMs !== undefined ? 0 : 1,
        );
        expect(clock.pendingTimers).toBe(0);
        stop?.();
        expect(caller.listeners).toBe(0);
      }),
    );
  });

  it('calls back at once if the signal was aborted after the entry check', () => {
    const clock = new VirtualClock();
    const notified: string[] = [];
    const signal = AbortSignal.abort(new RejectedError('SHED', 'queue'));
    const stop = watchContext({ signal, deadline: 5 }, clock, 'pool', ({ code, rejectedBy }) => {
      notified.push(`${rejectedBy} ${code}`);
    });
    expect(notified).toEqual(['pool SHED']);
    expect(stop).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('calls back in a later turn if the deadline has passed', () => {
    const clock = new VirtualClock(100);
    const notified: string[] = [];
    watchContext({ deadline: 50 }, clock, 'queue', ({ code }) => notified.push(code));
    expect(notified).toEqual([]);
    clock.advanceSync(0);
    expect(notified).toEqual(['DEADLINE_EXCEEDED']);
  });

  it('uses only onDone of a context that has it, which knows its own deadline', () => {
    const clock = new VirtualClock();
    const { ctx, listeners, end } = doneContext();
    const notified: RejectedError[] = [];
    const stop = watchContext({ ...ctx, deadline: 5 }, clock, 'queue', (rejection) =>
      notified.push(rejection),
    );
    expect(clock.pendingTimers).toBe(0);
    end(new RejectedError('DEADLINE_EXCEEDED', 'request-context', { workBegan: true }));
    expect(notified).toHaveLength(1);
    expect(notified[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'queue', workBegan: false });
    stop?.();
    expect(listeners.size).toBe(0);
  });
});
