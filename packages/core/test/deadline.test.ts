import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesLeft, NO_BYTES } from '../../../.config/memory.ts';
import type { Clock, TimerOptions } from '../src/index.ts';
import { atDeadline } from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

describe('atDeadline', () => {
  it('fires every deadline that was not cancelled once, in order and at its time, and leaves no timer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.integer({ min: 0, max: 500 }), cancel: fc.option(fc.nat(500)) }), {
          maxLength: 300,
        }),
        (deadlines) => {
          const clock = new VirtualClock();
          const fired: { index: number; now: number }[] = [];
          deadlines.forEach(({ at, cancel }, index) => {
            const timer = atDeadline(clock, at, () => fired.push({ index, now: clock.now() }));
            if (cancel !== null) clock.setTimer(() => timer.cancel(), cancel);
          });
          clock.advanceSync(1000);
          const cancelledInTime = ({ at, cancel }: { at: number; cancel: number | null }) =>
            cancel !== null && cancel < at;
          for (const { index, now } of fired) {
            expect(now).toBe(deadlines[index]?.at);
          }
          expect(fired.map(({ now }) => now)).toEqual(fired.map(({ now }) => now).sort((a, b) => a - b));
          const must = deadlines.flatMap((d, index) => (d.cancel === null || d.cancel > d.at ? [index] : []));
          const got = new Set(fired.map(({ index }) => index));
          expect(got.size).toBe(fired.length);
          for (const index of must) expect(got.has(index), `deadline ${index} fired`).toBe(true);
          deadlines.forEach((d, index) => {
            if (cancelledInTime(d)) expect(got.has(index), `deadline ${index} was cancelled`).toBe(false);
          });
          expect(clock.pendingTimers).toBe(0);
        },
      ),
    );
  });

  it('sets one timer for any number of deadlines', () => {
    const clock = new VirtualClock();
    const timers = Array.from({ length: 1000 }, (_, i) => atDeadline(clock, 1000 - i, () => {}));
    expect(clock.pendingTimers).toBe(1);
    for (const timer of timers) timer.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  it('fires the remaining deadlines after a callback has thrown', () => {
    const clock = new VirtualClock();
    let calls = 0;
    atDeadline(clock, 1, () => {
      throw new Error('of the caller');
    });
    atDeadline(clock, 2, () => calls++);
    expect(() => clock.advanceSync(5)).toThrow('of the caller');
    clock.advanceSync(5);
    expect(calls).toBe(1);
  });

  it('keeps the order of the rest when most have been cancelled', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const at = (i: number): number => 1 + ((i * 7919) % 1000);
    const timers = Array.from({ length: 1000 }, (_, i) => atDeadline(clock, at(i), () => fired.push(at(i))));
    timers.forEach((timer, i) => {
      if (i % 5 !== 0) timer.cancel();
    });
    clock.advanceSync(2000);
    expect(fired).toHaveLength(200);
    expect(fired).toEqual([...fired].sort((a, b) => a - b));
  });

  it('never fires Infinity, and sets no timer for it', () => {
    const clock = new VirtualClock();
    let calls = 0;
    const never = atDeadline(clock, Number.POSITIVE_INFINITY, () => calls++);
    expect(clock.pendingTimers).toBe(0);
    atDeadline(clock, 10, () => calls++);
    clock.advanceSync(1e12);
    expect(calls).toBe(1);
    expect(clock.pendingTimers).toBe(0);
    never.cancel();
  });

  it('fires a deadline that has passed as soon as possible, but not in the call', () => {
    const clock = new VirtualClock(100);
    let calls = 0;
    atDeadline(clock, 50, () => calls++);
    expect(calls).toBe(0);
    clock.advanceSync(0);
    expect(calls).toBe(1);
  });

  it('fires NaN as soon as possible, and keeps the order of the others', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    for (const at of [20, Number.NaN, 5, Number.NaN, 10]) atDeadline(clock, at, () => fired.push(at));
    clock.advanceSync(0);
    expect(fired).toEqual([Number.NaN, Number.NaN]);
    clock.advanceSync(100);
    expect(fired.slice(2)).toEqual([5, 10, 20]);
  });

  it('works beyond the longest timer of the platform', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    atDeadline(clock, 2 ** 40, () => fired.push(clock.now()));
    clock.advanceSync(2 ** 40 - 1);
    expect(fired).toEqual([]);
    clock.advanceSync(1);
    expect(fired).toEqual([2 ** 40]);
  });

  it('lets a callback cancel the others and set new ones', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const others = [10, 10, 20].map((at) => atDeadline(clock, at, () => fired.push(`other at ${at}`)));
    atDeadline(clock, 5, () => {
      for (const other of others) other.cancel();
      others[0]?.cancel();
      atDeadline(clock, 15, () => fired.push('new'));
    });
    clock.advanceSync(100);
    expect(fired).toEqual(['new']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits on if the timer fires early or the clock goes back', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    atDeadline(clock, 10, () => fired.push(clock.now()));
    clock.jumpTo(-50);
    clock.advanceSync(59);
    expect(fired).toEqual([]);
    clock.advanceSync(1);
    expect(fired).toEqual([10]);
  });

  it('does not keep the process alive', () => {
    const clock = new VirtualClock();
    const options: (TimerOptions | undefined)[] = [];
    const watched: Clock = {
      now: () => clock.now(),
      nextTurn: (callback) => clock.nextTurn(callback),
      setTimer: (callback, delayMs, timerOptions) => {
        options.push(timerOptions);
        return clock.setTimer(callback, delayMs);
      },
    };
    atDeadline(watched, 10, () => {});
    expect(options).toEqual([{ keepAlive: false }]);
  });

  it('holds no memory for cancelled deadlines while another one is pending', async () => {
    const clock = new VirtualClock();
    const pending = atDeadline(clock, 1e6, () => {});
    let i = 0;
    const left = await bytesLeft(300_000, () => atDeadline(clock, 1000 + (i++ % 1000), () => {}).cancel());
    expect(left).toBeLessThan(NO_BYTES);
    pending.cancel();
  });
});
