import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle, VirtualClock } from '../src/testing/index.ts';

describe('VirtualClock', () => {
  it('moves only when it is advanced', async () => {
    const clock = new VirtualClock(500);
    await settle();
    expect(clock.now()).toBe(500);
    await clock.advance(0.5);
    clock.advanceSync(0.25);
    expect(clock.now()).toBe(500.75);
    expect(new VirtualClock().now()).toBe(0);
  });

  it('runs timers in the order they are due, then in the order they were set, each at its own time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 60 }), (delays) => {
        const clock = new VirtualClock(100);
        const fired: { index: number; now: number }[] = [];
        delays.forEach((delayMs, index) => {
          clock.setTimer(() => fired.push({ index, now: clock.now() }), delayMs);
        });
        clock.advanceSync(1000);
        const expected = delays
          .map((delayMs, index) => ({ index, now: 100 + Math.max(0, delayMs) }))
          .sort((a, b) => a.now - b.now || a.index - b.index);
        expect(fired).toEqual(expected);
        expect(clock.pendingTimers).toBe(0);
        expect(clock.now()).toBe(1100);
      }),
    );
  });

  it('runs timers that timers set, if they are due in time', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.now());
      clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
    expect(clock.pendingTimers).toBe(1);
  });

  it('does not run a cancelled timer, also if another timer cancelled it', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const late = clock.setTimer(() => fired.push('late'), 20);
    clock.setTimer(() => late.cancel(), 20).cancel();
    clock.setTimer(() => late.cancel(), 10);
    clock.advanceSync(30);
    late.cancel();
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets promises settle before, between and after timers', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    Promise.resolve()
      .then(() => {})
      .then(() => order.push('before'));
    for (const delayMs of [10, 20]) {
      clock.setTimer(() => {
        order.push(`${delayMs} ms`);
        queueMicrotask(() => order.push(`promise at ${clock.now()}`));
      }, delayMs);
    }
    await clock.advance(20);
    expect(order).toEqual(['before', '10 ms', 'promise at 10', '20 ms', 'promise at 20']);
  });

  it('lets a turn pass with every step and after every timer', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.nextTurn(() => order.push('turn'));
    expect(order).toEqual([]);
    await clock.advance(0);
    expect(order).toEqual(['turn']);
    clock.setTimer(() => {
      order.push('timer');
      clock.nextTurn(() => order.push('turn after it'));
    }, 5);
    clock.setTimer(() => order.push('next timer'), 5);
    clock.advanceSync(5);
    expect(order.slice(1)).toEqual(['timer', 'turn after it', 'next timer']);
  });

  it('runs promises and turns that lead to each other until none is left', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.nextTurn(async () => {
      await Promise.resolve();
      clock.nextTurn(() => void Promise.resolve().then(() => order.push('end of the chain')));
    });
    await clock.advance(0);
    expect(order).toEqual(['end of the chain']);
  });

  it('jumps without running timers, backwards too, and runs overdue timers without going back', () => {
    const clock = new VirtualClock(100);
    const fired: number[] = [];
    clock.setTimer(() => fired.push(clock.now()), 10);
    clock.jumpTo(500);
    expect(fired).toEqual([]);
    clock.advanceSync(0);
    expect(fired, 'overdue').toEqual([500]);
    clock.jumpTo(20);
    expect(clock.now()).toBe(20);
  });

  it.each([Number.NaN, -1, 0, -0, Number.NEGATIVE_INFINITY])(
    'runs a timer of %d ms now, before later ones',
    (delayMs) => {
      const clock = new VirtualClock(100);
      const fired: string[] = [];
      clock.setTimer(() => fired.push('later'), 1);
      clock.setTimer(() => fired.push('now'), delayMs);
      clock.advanceSync(0);
      expect(fired).toEqual(['now']);
      clock.advanceSync(1);
      expect(fired).toEqual(['now', 'later']);
    },
  );

  it('moves time with every positive delay, however small beside the time that has passed', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e15, max: 1e15, noNaN: true }),
        fc.double({ min: Number.MIN_VALUE, max: 1e-3, noNaN: true }),
        (start, delayMs) => {
          const clock = new VirtualClock(start);
          const fired: number[] = [];
          clock.setTimer(() => fired.push(clock.now()), delayMs);
          clock.advanceSync(10);
          expect(fired).toHaveLength(1);
          expect(fired[0]).toBeGreaterThan(start);
          expect(fired[0]).toBeLessThanOrEqual(start + 1);
        },
      ),
    );
  });

  it('ends a loop of timers that wait for less than the time can express', () => {
    const clock = new VirtualClock(1e12);
    const due = 1e12 + 0.001;
    let rounds = 0;
    const again = (): void => {
      if (clock.now() < due && ++rounds < 1000) clock.setTimer(again, 1e-9);
    };
    again();
    clock.advanceSync(1);
    expect(rounds).toBeLessThan(1000);
  });

  it('holds 100 000 timers, half of which are cancelled', () => {
    const clock = new VirtualClock();
    let fired = 0;
    const timers = Array.from({ length: 100_000 }, (_, i) =>
      clock.setTimer(() => fired++, ((i * 7919) % 100_003) + 1),
    );
    for (let i = 0; i < timers.length; i += 2) timers[i]?.cancel();
    clock.advanceSync(100_003);
    expect(fired).toBe(50_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('does not advance by %d ms', async (ms) => {
    const clock = new VirtualClock();
    expect(() => clock.advanceSync(ms)).toThrow(RangeError);
    await expect(clock.advance(ms)).rejects.toThrow('ms must be a finite number of at least 0');
  });
});
