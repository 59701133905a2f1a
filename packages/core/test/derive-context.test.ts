import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { bytesLeft, NO_BYTES } from '../../../.config/memory.ts';
import { type CallContext, type DerivedContext, RejectedError } from '../src/index.ts';
import { deriveContext, isOver, rejectionAtEntry, watchContext } from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';
import { collectUncaught } from './collect-uncaught.ts';

const OWN = ['signal', 'deadline', 'onDone', 'doneReason', 'derive', 'end'];

/** Fields of an application, with any names. */
const fields = fc
  .dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'tenant')),
    fc.anything(),
  )
  .map((record) => Object.fromEntries(Object.entries(record).filter(([name]) => !OWN.includes(name))));

describe('deriveContext', () => {
  it('keeps key and every other field of a plain context, however often it derives', () => {
    const context = fc.record(
      {
        key: fc.string(),
        priority: fc.double({ noNaN: true }),
        cost: fc.double({ min: 0.1, noNaN: true }),
        deadline: fc.integer({ min: 1, max: 1000 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(context, fields, fc.integer({ min: 1, max: 4 }), (known, others, times) => {
        const clock = new VirtualClock();
        const trace = Symbol('trace');
        const entries: [string, unknown][] = [...Object.entries(known), ...Object.entries(others)];
        const original = { ...Object.fromEntries(entries), [trace]: 1 } as CallContext;
        let derived: CallContext = original;
        const all: DerivedContext[] = [];
        for (let i = 0; i < times; i++) {
          const next = deriveContext(derived, { deadline: 500, clock, name: 'test' });
          all.push(next);
          derived = next;
        }
        for (const name of Reflect.ownKeys(original)) {
          if (name === 'deadline') continue;
          const field = Object.getOwnPropertyDescriptor(derived, name);
          expect(field?.value, String(name)).toBe(Reflect.getOwnPropertyDescriptor(original, name)?.value);
        }
        expect(derived.deadline).toBe(Math.min(500, known.deadline ?? Number.POSITIVE_INFINITY));
        expect(derived.onDone, 'methods are not shadowed').toBeTypeOf('function');
        for (const context of all) context.end();
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  it('survives a field that is named like its own method', () => {
    const clock = new VirtualClock();
    const original = { start: 1, end: 2 } as CallContext;
    const derived = deriveContext(original, { deadline: 5, clock, name: 'test' });
    expect(derived).toMatchObject({ start: 1 });
    derived.end();
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes copies that are cancelled too', () => {
    const clock = new VirtualClock();
    const derived = deriveContext({ key: 'ann', cost: 1 }, { deadline: 5, clock, name: 'test' });
    const copy: CallContext = { ...derived, cost: 3 };
    expect(copy).toMatchObject({ key: 'ann', cost: 3, deadline: 5 });
    clock.advanceSync(5);
    expect(copy.signal?.aborted).toBe(true);
    expect(isOver(copy, clock)).toBe(true);
  });

  it('has the earlier deadline and no later one', () => {
    const clock = new VirtualClock();
    const derive = (outer?: number, inner?: number): number | undefined => {
      const derived = deriveContext({ deadline: outer }, { deadline: inner, clock, name: 'test' });
      derived.end();
      return derived.deadline;
    };
    expect(derive(10, 20)).toBe(10);
    expect(derive(20, 10)).toBe(10);
    expect(derive(undefined, 10)).toBe(10);
    expect(derive(10)).toBe(10);
    expect(derive()).toBeUndefined();
    expect(derive(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  it('ends with whichever comes first, in its own name, and leaves nothing behind', () => {
    const ends = fc.record({
      outerAbortMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      abortMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      outerDeadline: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      deadline: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      endMs: fc.integer({ min: 1, max: 25 }),
    });
    fc.assert(
      fc.property(ends, ({ outerAbortMs, abortMs, outerDeadline, deadline, endMs }) => {
        const clock = new VirtualClock();
        const outer = new AbortController();
        const inner = new AbortController();
        const derived = deriveContext(
          { signal: outer.signal, deadline: outerDeadline },
          { signal: inner.signal, deadline, clock, name: 'attempt' },
        );
        const notified: { code: string; at: number }[] = [];
        derived.onDone((reason) => notified.push({ code: (reason as RejectedError).code, at: clock.now() }));
        // After the timer of the deadline, which was set before.
        if (outerAbortMs !== undefined) clock.setTimer(() => outer.abort(), outerAbortMs);
        if (abortMs !== undefined) clock.setTimer(() => inner.abort(), abortMs);
        clock.setTimer(() => derived.end(), endMs);
        clock.advanceSync(30);

        const expiresAt = Math.min(outerDeadline ?? 99, deadline ?? 99);
        const abortsAt = Math.min(outerAbortMs ?? 99, abortMs ?? 99);
        const at = Math.min(expiresAt, abortsAt);
        const code = expiresAt <= abortsAt ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
        expect(notified).toEqual(at <= endMs && at < 99 ? [{ code, at }] : []);
        if (notified.length > 0) {
          expect(derived.doneReason).toMatchObject({ rejectedBy: 'attempt', workBegan: true });
        }
        expect(clock.pendingTimers).toBe(0);
        for (const { signal } of [outer, inner]) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      }),
    );
  });

  it('leaves nothing on a signal that outlives a thousand contexts', () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    for (let i = 0; i < 1000; i++) {
      const derived = deriveContext({ signal }, { deadline: 1e6, clock, name: 'test' });
      const inner = deriveContext(derived, { signal, clock, name: 'inner' });
      void inner.signal;
      inner.end();
      derived.end();
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no memory behind', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const original = { signal, key: 'ann', trace: {} };
    const left = await bytesLeft(60_000, () => {
      const derived = deriveContext(original, { timeoutMs: 1e6, clock, name: 'test' });
      derived.onDone(() => {});
      derived.end();
    });
    expect(left).toBeLessThan(NO_BYTES);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the reason as the cause, and notifies nested contexts', () => {
    const clock = new VirtualClock();
    const caller = new AbortController();
    const outer = deriveContext({ signal: caller.signal }, { clock, name: 'outer' });
    const inner = deriveContext(outer, { clock, name: 'inner' });
    const shutdown = new RejectedError('SHUTTING_DOWN', 'server');
    caller.abort(shutdown);
    expect(outer.doneReason).toMatchObject({ code: 'SHUTTING_DOWN', rejectedBy: 'outer', cause: shutdown });
    expect(inner.doneReason).toMatchObject({ code: 'SHUTTING_DOWN', rejectedBy: 'inner' });
    expect(inner.signal.reason).toBe(inner.doneReason);
  });

  it('is over at once if the original is, and watches nothing then', () => {
    const clock = new VirtualClock();
    const other = new AbortController();
    const derived = deriveContext(
      { signal: AbortSignal.abort('gone') },
      { deadline: 5, signal: other.signal, clock, name: 'test' },
    );
    expect(derived.doneReason).toMatchObject({ code: 'CANCELLED', cause: 'gone' });
    expect(derived.signal.aborted).toBe(true);
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects calls that use it after its end, but does not abort a signal that was handed out', () => {
    const clock = new VirtualClock();
    const derived = deriveContext(undefined, { deadline: 5, clock, name: 'test' });
    const { signal } = derived;
    const notified: unknown[] = [];
    derived.onDone((reason) => notified.push(reason));
    derived.end();
    expect([signal.aborted, notified.length]).toEqual([false, 0]);
    expect(isOver(derived, clock)).toBe(true);
    expect(rejectionAtEntry(derived, clock, 'pool')).toMatchObject({ code: 'CANCELLED' });
    watchContext(derived, clock, 'pool', ({ code }) => notified.push(code));
    expect(notified).toEqual(['CANCELLED']);
    clock.advanceSync(10);
    expect(signal.aborted).toBe(false);
  });

  it('uses the derive method of a context that has one', () => {
    const clock = new VirtualClock();
    const theirs = deriveContext({ key: 'theirs' }, { clock, name: 'theirs' });
    const derive = vi.fn(() => theirs);
    const { signal } = new AbortController();
    expect(deriveContext({ derive }, { deadline: 5, signal, clock, name: 'test' })).toBe(theirs);
    expect(derive).toHaveBeenCalledWith({ deadline: 5, signal, name: 'test' });
  });

  it('does not read the signal of a context that has onDone: it may be costly', () => {
    const clock = new VirtualClock();
    const original: CallContext = {
      onDone: () => () => {},
      get signal(): AbortSignal {
        throw new Error('was read');
      },
    };
    expect(() => deriveContext(original, { clock, name: 'test' }).end()).not.toThrow();
  });

  it('notifies every listener once, though one throws, removes another or adds one', async () => {
    const uncaught = collectUncaught();
    const clock = new VirtualClock();
    const derived = deriveContext({}, { deadline: 5, clock, name: 'test' });
    const notified: string[] = [];
    derived.onDone(() => {
      notified.push('first');
      remove();
      derived.onDone(() => notified.push('added'));
      throw new Error('of a listener');
    });
    const remove = derived.onDone(() => notified.push('removed'));
    const twice = (): number => notified.push('twice');
    derived.onDone(twice);
    derived.onDone(twice);
    clock.advanceSync(10);
    expect(notified).toEqual(['first', 'added', 'twice', 'twice']);
    await Promise.resolve();
    expect(uncaught).toEqual([new Error('of a listener')]);
  });
});
