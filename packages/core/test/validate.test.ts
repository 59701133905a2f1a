import { describe, expect, it } from 'vitest';
import { systemClock } from '../src/index.ts';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkDeadline,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkNonNegativeOrInfinity,
  checkOneOf,
  checkPositive,
  checkPriority,
  checkSignal,
} from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

const TEN_YEARS_MS = 10 * 365.25 * 24 * 3600 * 1000;

describe('a check returns a valid value', () => {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const fn = (): void => {};
  it.each([
    ['checkInteger', checkInteger('x', 1), 1],
    ['checkInteger from its minimum', checkInteger('x', 0, 0), 0],
    ['checkInteger to 2^53 - 1', checkInteger('x', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
    ['checkPositive', checkPositive('x', Number.MIN_VALUE), Number.MIN_VALUE],
    ['checkNonNegative', checkNonNegative('x', 0), 0],
    ['checkBetween, lower end', checkBetween('x', 0.5, 0.5, 1), 0.5],
    ['checkBetween, upper end', checkBetween('x', 1, 0.5, 1), 1],
    ['checkFunction', checkFunction('x', fn), fn],
    ['checkBoolean', checkBoolean('x', false), false],
    ['checkOneOf', checkOneOf('x', 'b', ['a', 'b']), 'b'],
    ['checkName', checkName('x', 'n'.repeat(100)), 'n'.repeat(100)],
    ['checkClock', checkClock('x', clock), clock],
    ['checkClock, of the system', checkClock('x', systemClock), systemClock],
    ['checkNonNegativeOrInfinity', checkNonNegativeOrInfinity('x', infinity), infinity],
    ['checkPriority', checkPriority('x', -infinity), -infinity],
    ['checkSignal', checkSignal('x', signal), signal],
    ['checkDeadline', checkDeadline('x', 500, 0), 500],
    ['checkDeadline, long past', checkDeadline('x', -infinity, 0), -infinity],
    ['checkDeadline, none', checkDeadline('x', infinity, 0), infinity],
    ['checkDeadline, in ten years', checkDeadline('x', TEN_YEARS_MS, 0), TEN_YEARS_MS],
  ])('%s', (_name, got, given) => expect(got).toBe(given));
});

describe('a check names the option, what is allowed and the wrong value', () => {
  it.each<[() => unknown, ErrorConstructor, string]>([
    [() => checkInteger('limit', 0), RangeError, 'limit must be an integer of at least 1, got 0 (number)'],
    [
      () => checkInteger('limit', 1.5),
      RangeError,
      'limit must be an integer of at least 1, got 1.5 (number)',
    ],
    [
      () => checkInteger('limit', -1, 0),
      RangeError,
      'limit must be an integer of at least 0, got -1 (number)',
    ],
    [
      () => checkInteger('limit', nan),
      RangeError,
      'limit must be an integer of at least 1, got NaN (number)',
    ],
    [
      () => checkInteger('limit', 2 ** 53),
      RangeError,
      'limit must be an integer of at least 1, got 9007199254740992 (number)',
    ],
    [() => checkInteger('limit', '5'), TypeError, 'limit must be an integer of at least 1, got "5" (string)'],
    [
      () => checkInteger('limit', undefined),
      TypeError,
      'limit must be an integer of at least 1, got undefined',
    ],
    [() => checkInteger('limit', null), TypeError, 'limit must be an integer of at least 1, got null'],
    [
      () => checkInteger('limit', 5n),
      TypeError,
      'limit must be an integer of at least 1, got a value of type bigint',
    ],
    [() => checkPositive('rate', 0), RangeError, 'rate must be a finite number above 0, got 0 (number)'],
    [
      () => checkPositive('rate', infinity),
      RangeError,
      'rate must be a finite number above 0, got Infinity (number)',
    ],
    [
      () => checkPositive('rate', true),
      TypeError,
      'rate must be a finite number above 0, got true (boolean)',
    ],
    [
      () => checkNonNegative('waitMs', -0.1),
      RangeError,
      'waitMs must be a finite number of at least 0, got -0.1 (number)',
    ],
    [
      () => checkNonNegative('waitMs', nan),
      RangeError,
      'waitMs must be a finite number of at least 0, got NaN (number)',
    ],
    [
      () => checkBetween('share', 1.1, 0, 1),
      RangeError,
      'share must be a number from 0 to 1, got 1.1 (number)',
    ],
    [
      () => checkBetween('share', nan, 0, 1),
      RangeError,
      'share must be a number from 0 to 1, got NaN (number)',
    ],
    [
      () => checkBetween('share', {}, 0, 1),
      TypeError,
      'share must be a number from 0 to 1, got a value of type object',
    ],
    [() => checkFunction('onDrop', 'log'), TypeError, 'onDrop must be a function, got "log" (string)'],
    [() => checkBoolean('autoStart', 'no'), TypeError, 'autoStart must be a boolean, got "no" (string)'],
    [() => checkOneOf('mode', 'c', ['a', 'b']), TypeError, 'mode must be one of "a", "b", got "c" (string)'],
    [() => checkOneOf('mode', 1, ['1']), TypeError, 'mode must be one of "1", got 1 (number)'],
    [() => checkName('name', ''), TypeError, 'name must be a string of 1 to 100 characters, got "" (string)'],
    [
      () => checkName('name', Symbol('n')),
      TypeError,
      'name must be a string of 1 to 100 characters, got a value of type symbol',
    ],
    [
      () => checkNonNegativeOrInfinity('withinMs', nan),
      RangeError,
      'withinMs must be a number of at least 0, or Infinity, got NaN (number)',
    ],
    [() => checkPriority('priority', nan), RangeError, 'priority must be a number, got NaN (number)'],
    [() => checkPriority('priority', '1'), TypeError, 'priority must be a number, got "1" (string)'],
    [() => checkSignal('signal', {}), TypeError, 'signal must be an AbortSignal, got a value of type object'],
    [() => checkSignal('signal', null), TypeError, 'signal must be an AbortSignal, got null'],
    [
      () => checkSignal('signal', { aborted: false }),
      TypeError,
      'signal must be an AbortSignal, got a value of type object',
    ],
  ])('%s', (check, type, message) => {
    expect(check).toThrow(type);
    expect(check).toThrow(new type(message));
  });

  it.each<[unknown, ErrorConstructor]>([
    [nan, RangeError],
    [Date.now() + 50, RangeError],
    [2 * TEN_YEARS_MS, RangeError],
    ['500', TypeError],
    [new Date(), TypeError],
    [null, TypeError],
  ])('a deadline of %o names the clock that it must be a time of', (deadline, type) => {
    const check = (): unknown => checkDeadline('ctx.deadline', deadline, 1000);
    expect(check).toThrow(type);
    expect(check).toThrow(
      /^ctx\.deadline must be a time of the primitive's monotonic clock, at most ten years ahead/,
    );
    expect(check).toThrow('now() = 1000, or Infinity (Date.now() is the time of another clock), got ');
  });

  it('cuts a long string', () => {
    expect(() => checkName('name', 'x'.repeat(101))).toThrow(TypeError);
    expect(() => checkName('name', 'x'.repeat(1e6))).toThrow(`got "${'x'.repeat(40)}" (string)`);
  });

  it.each(['now', 'setTimer', 'nextTurn'])('rejects a clock without %s()', (method) => {
    const clock = { now: () => 0, setTimer: () => {}, nextTurn: () => {}, [method]: undefined };
    expect(() => checkClock('clock', clock)).toThrow(
      new TypeError(
        'clock must be a Clock with now(), setTimer() and nextTurn(), got a value of type object',
      ),
    );
  });

  it.each([undefined, null, 5, Date])('rejects %o as a clock', (other) => {
    expect(() => checkClock('clock', other)).toThrow(TypeError);
  });
});
