import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atDeadline } from '../src/index.ts';
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

  it('keeps one timer for any number of deadlines', () => {
    const clock = new VirtualClock();
    const timers = Array.from({ length: 1000 }, (_, i) => atDeadline(clock, 1000 - i, () => {}));
    expect(clock.pendingTimers).toBe(1);
    for (const timer of timers) timer.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  it('still fires the rest when a callback throws', () => {
    const clock = new VirtualClock();
    let told = 0;
    atDeadline(clock, 1, () => {
      throw new Error('of the caller');
    });
    atDeadline(clock, 2, () => told++);
    expect(() => clock.advanceSync(5)).toThrow('of the caller');
    clock.advanceSync(5);
    expect(told).toBe(1);
  });
});
