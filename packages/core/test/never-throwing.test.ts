import { expect, it, vi } from 'vitest';
import { neverThrowing } from '../src/kit/index.ts';

it('returns the result of the callback, or of the fallback if it throws; the error surfaces as an uncaught exception', () => {
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
  const half = neverThrowing(
    (value: number) => {
      if (value % 2 === 1) throw new Error('odd');
      return value / 2;
    },
    (value) => -value,
  );
  expect(half(4)).toBe(2);
  expect(later).not.toHaveBeenCalled();
  expect(half(3)).toBe(-3);
  expect(later.mock.calls[0]?.[0]).toThrow('odd');
  later.mockRestore();
});
