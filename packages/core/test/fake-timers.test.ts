import { mock } from 'node:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Clock, createSystemClock, systemClock } from '../src/index.ts';
import { atDeadline, loopBudgetOf, WaitQueue } from '../src/kit/index.ts';

// Taken before any test replaces it.
const { setImmediate: realTurn } = globalThis;

/** The two ways of faking timers, and how to move the time of each. */
const fakes = {
  vitest: {
    install: () =>
      void vi.useFakeTimers({
        toFake: [
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'setImmediate',
          'clearImmediate',
          'Date',
          'performance',
          'queueMicrotask',
        ],
      }),
    advance: (ms: number) => void vi.advanceTimersByTime(ms),
    restore: () => void vi.useRealTimers(),
  },
  'node:test': {
    install: () => {
      mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
      // They do not fake performance.now().
      mock.method(performance, 'now', () => Date.now());
    },
    advance: (ms: number) => mock.timers.tick(ms),
    restore: () => mock.reset(),
  },
};

afterEach(() => {
  vi.useRealTimers();
  mock.reset();
});

const turn = (): Promise<void> => new Promise((resolve) => realTurn(resolve));

/** Resolves when everything that a clock drives has happened once: a timer, a deadline, a turn, a start after a spent budget. */
function everything(clock: Clock): Promise<unknown> {
  const queue = new WaitQueue({ clock, name: 'test', serve: () => false });
  return Promise.all([
    new Promise<void>((resolve) => void clock.setTimer(resolve, 2)),
    new Promise<void>((resolve) => void atDeadline(clock, clock.now() + 2, resolve)),
    new Promise<void>((resolve) => clock.nextTurn(resolve)),
    new Promise<void>((resolve) => loopBudgetOf(clock).whenNextTurn(resolve)),
    new Promise<void>((resolve) => {
      const start = (): void => {
        if (loopBudgetOf(clock).allowsSoon(clock.now())) resolve();
        else loopBudgetOf(clock).whenNextTurn(start);
      };
      start();
    }),
    expect(queue.wait(undefined, { deadline: clock.now() + 2 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    }),
    // The deadline alone does not keep the process alive.
    new Promise<void>((resolve) => void clock.setTimer(resolve, 5)),
  ]);
}

describe.each(Object.entries(fakes))('with the fake timers of %s', (_name, { install, advance, restore }) => {
  it('the system clock runs on, while they are installed and after they are removed', async () => {
    await everything(systemClock);
    install();
    const before = systemClock.now();
    await everything(systemClock);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before + 5);
    const pending = everything(systemClock);
    restore();
    await pending;
    await everything(systemClock);
  });

  it('what a test leaves pending on them does not stop what comes later', async () => {
    install();
    const clock = createSystemClock();
    atDeadline(clock, clock.now() + 10, () => {});
    loopBudgetOf(clock).whenNextTurn(() => {});
    clock.setTimer(() => {}, 10);
    clock.nextTurn(() => {});
    restore();
    await everything(systemClock);
    await everything(createSystemClock());
  });

  it('a clock that is made then is driven by them', async () => {
    install();
    const clock = createSystemClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push('timer'), 1000);
    atDeadline(clock, clock.now() + 2000, () => fired.push('deadline'));
    clock.nextTurn(() => fired.push('turn'));
    const start = clock.now();
    await turn();
    expect(fired, 'real time does not move it').toEqual([]);
    advance(999);
    expect(fired).toEqual(['turn']);
    expect(clock.now() - start).toBe(999);
    advance(1);
    expect(fired).toEqual(['turn', 'timer']);
    advance(1000);
    expect(fired).toEqual(['turn', 'timer', 'deadline']);
  });
});
