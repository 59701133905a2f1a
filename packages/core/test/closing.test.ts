import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DrainOptions } from '../src/index.ts';
import { Closing, checkDrainOptions } from '../src/kit/index.ts';
import { settle, VirtualClock } from '../src/testing/index.ts';

/** A primitive with `active` running calls. */
function primitive(active: number) {
  const clock = new VirtualClock();
  const state = { active, cancelled: 0, closedAt: undefined as number | undefined };
  const closing = new Closing({
    clock,
    isIdle: () => state.active === 0,
    cancelRest: () => {
      state.cancelled++;
    },
  });
  const close = (options?: DrainOptions): Promise<void> =>
    closing.close(options).then(() => {
      state.closedAt ??= clock.now();
    });
  const finish = (): void => {
    state.active = 0;
    closing.settleIfIdle();
  };
  return { clock, state, closing, close, finish };
}

describe('Closing', () => {
  it('settles at once if the primitive is idle, and sets no timer', async () => {
    const { clock, closing, close, state } = primitive(0);
    expect(closing.started).toBe(false);
    await close({ withinMs: 10 });
    expect(closing.started).toBe(true);
    expect(state).toMatchObject({ closedAt: 0, cancelled: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('settles when the last call has ended, and cancels nothing then', async () => {
    const { clock, close, finish, state } = primitive(1);
    void close({ withinMs: 100 });
    await clock.advance(40);
    expect(state.closedAt).toBeUndefined();
    finish();
    await settle();
    await clock.advance(100);
    expect(state).toMatchObject({ closedAt: 40, cancelled: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('cancels the rest exactly when the time is up', async () => {
    const { clock, close, state } = primitive(1);
    void close({ withinMs: 100 });
    await clock.advance(99.9);
    expect(state).toMatchObject({ closedAt: undefined, cancelled: 0 });
    await clock.advance(0.1);
    expect(state).toMatchObject({ closedAt: 100, cancelled: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits as long as it takes without a bound', async () => {
    const { clock, close, finish, state } = primitive(1);
    void close();
    await clock.advance(1e9);
    expect(state.closedAt).toBeUndefined();
    expect(clock.pendingTimers, 'a timer keeps the process alive').toBe(1);
    finish();
    await settle();
    expect(state.closedAt).toBe(1e9);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends at once with withinMs 0 or an aborted signal', async () => {
    for (const options of [{ withinMs: 0 }, { signal: AbortSignal.abort() }]) {
      const { clock, close, state } = primitive(1);
      await close(options);
      expect(state).toMatchObject({ closedAt: 0, cancelled: 1 });
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('ends when its signal is aborted, and leaves no listener on a signal that lives longer', async () => {
    const { close, state } = primitive(1);
    const caller = new AbortController();
    const other = new AbortController();
    void close({ signal: caller.signal });
    void close({ signal: caller.signal });
    void close({ signal: other.signal });
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(1);
    caller.abort();
    await settle();
    expect(state).toMatchObject({ closedAt: 0, cancelled: 1 });
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  });

  it('is only brought forward by later calls, and cancels the rest once', async () => {
    const calls = fc.array(
      fc.record({
        atMs: fc.integer({ min: 0, max: 50 }),
        withinMs: fc.option(fc.nat(50), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(calls, fc.integer({ min: 1, max: 80 }), async (closes, finishAtMs) => {
        const { clock, close, finish, state } = primitive(1);
        const pending: Promise<void>[] = [];
        for (const { atMs, withinMs } of closes)
          clock.setTimer(() => pending.push(close({ withinMs })), atMs);
        clock.setTimer(finish, finishAtMs);
        await clock.advance(200);
        const begunAt = Math.min(...closes.map(({ atMs }) => atMs));
        const bound = Math.min(
          ...closes.map(({ atMs, withinMs = Number.POSITIVE_INFINITY }) => atMs + withinMs),
        );
        const closedAt = Math.max(begunAt, Math.min(bound, finishAtMs));
        expect(state.closedAt).toBe(closedAt);
        expect(state.cancelled).toBe(bound < finishAtMs ? 1 : state.cancelled);
        expect(state.cancelled).toBeLessThanOrEqual(1);
        await Promise.all(pending);
        expect(pending).toHaveLength(closes.length);
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  it('cancels the rest once, though a cancelled call closes again or makes the primitive idle', async () => {
    const clock = new VirtualClock();
    let cancelled = 0;
    let idle = false;
    const closing: Closing = new Closing({
      clock,
      isIdle: () => idle,
      cancelRest: () => {
        cancelled++;
        void closing.close({ withinMs: 0 });
        idle = true;
        closing.settleIfIdle();
      },
    });
    await closing.close({ withinMs: 0 });
    expect(cancelled).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not begin with a wrong option, and names it', async () => {
    const { closing } = primitive(0);
    const wrong: [DrainOptions, ErrorConstructor, string][] = [
      [
        { withinMs: -1 },
        RangeError,
        'withinMs must be a number of at least 0 and at most ten years of milliseconds, or Infinity, got -1 (number)',
      ],
      [
        { withinMs: Number.NaN },
        RangeError,
        'withinMs must be a number of at least 0 and at most ten years of milliseconds, or Infinity, got NaN',
      ],
      [{ withinMs: '5' as unknown as number }, TypeError, 'withinMs must be a number of at least 0'],
      [
        { withinMs: Date.now() + 10_000 },
        RangeError,
        'withinMs must be a number of at least 0 and at most ten years of milliseconds, or Infinity, got ',
      ],
      [{ deadline: 5 } as DrainOptions, TypeError, 'unknown option deadline (known: withinMs, signal)'],
      [{ signal: {} as AbortSignal }, TypeError, 'signal must be an AbortSignal, got a value of type object'],
    ];
    for (const [options, type, message] of wrong) {
      const call = closing.close(options);
      await expect(call).rejects.toThrow(type);
      await expect(call).rejects.toThrow(message);
    }
    expect(closing.started).toBe(false);
  });
});

describe('checkDrainOptions', () => {
  it('fills in the default', () => {
    expect(checkDrainOptions({})).toEqual({ withinMs: Number.POSITIVE_INFINITY, signal: undefined });
  });
});
