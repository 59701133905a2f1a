import { expect, it, vi } from 'vitest';
import { neverThrowing } from '../src/kit/index.ts';
import { collectUncaught } from './collect-uncaught.ts';

it('returns the result of the callback, or of the fallback if it throws; the error surfaces as an uncaught exception', async () => {
  const uncaught = collectUncaught();
  const half = neverThrowing(
    (value: number) => {
      if (value % 2 === 1) throw new Error('odd');
      return value / 2;
    },
    (value) => -value,
  );
  expect(half(4)).toBe(2);
  await Promise.resolve();
  expect(uncaught).toEqual([]);
  expect(half(3)).toBe(-3);
  await Promise.resolve();
  expect(uncaught).toEqual([new Error('odd')]);
});

it('surfaces an error also while fake timers replace queueMicrotask', async () => {
  const uncaught = collectUncaught();
  vi.useFakeTimers({ toFake: ['queueMicrotask'] });
  neverThrowing(
    () => {
      throw new Error('of a callback');
    },
    () => {},
  )();
  vi.useRealTimers();
  await Promise.resolve();
  expect(uncaught).toEqual([new Error('of a callback')]);
});
