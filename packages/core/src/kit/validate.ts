/** Describes a wrong value in an error: a string is cut to 40 characters, an object is not printed. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 40))} (string)`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} (${typeof value})`;
  return value === null || value === undefined ? `${value}` : `a value of type ${typeof value}`;
}

function checkNumber(name: string, value: unknown, expected: string, valid: (n: number) => boolean): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be ${expected}, got ${describe(value)}`);
  if (!valid(value)) throw new RangeError(`${name} must be ${expected}, got ${describe(value)}`);
  return value;
}

/** Returns `value` if it is an integer from `min` (default 1) to 2^53 - 1. @throws TypeError or RangeError naming `name`. */
export function checkInteger(name: string, value: unknown, min = 1): number {
  return checkNumber(
    name,
    value,
    `an integer of at least ${min}`,
    (n) => Number.isSafeInteger(n) && n >= min,
  );
}

/** Returns `value` if it is a finite number above 0. @throws TypeError or RangeError naming `name`. */
export function checkPositive(name: string, value: unknown): number {
  return checkNumber(name, value, 'a finite number above 0', (n) => Number.isFinite(n) && n > 0);
}

/** Returns `value` if it is a finite number of at least 0. @throws TypeError or RangeError naming `name`. */
export function checkNonNegative(name: string, value: unknown): number {
  return checkNumber(name, value, 'a finite number of at least 0', (n) => Number.isFinite(n) && n >= 0);
}

/** Returns `value` if it is a number of at least 0, `Infinity` too. @throws TypeError or RangeError naming `name`. */
export function checkNonNegativeOrInfinity(name: string, value: unknown): number {
  return checkNumber(name, value, 'a number of at least 0, or Infinity', (n) => n >= 0);
}

/** Returns `value` if it is a number from `min` to `max`, both included. @throws TypeError or RangeError naming `name`. */
export function checkBetween(name: string, value: unknown, min: number, max: number): number {
  return checkNumber(name, value, `a number from ${min} to ${max}`, (n) => n >= min && n <= max);
}

/** Returns `value` if it is a function. @throws TypeError naming `name`. */
export function checkFunction<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`);
  return value;
}

/** Returns `value` if it is a boolean. @throws TypeError naming `name`. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be a boolean, got ${describe(value)}`);
  return value;
}

/** Returns `value` if it is one of `allowed`. @throws TypeError naming `name` and what is allowed. */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    const list = allowed.map((candidate) => JSON.stringify(candidate)).join(', ');
    throw new TypeError(`${name} must be one of ${list}, got ${describe(value)}`);
  }
  return found;
}

/** Returns `value` if it is a string of 1 to 100 characters, as the name of a primitive must be. @throws TypeError naming `name`. */
export function checkName(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > 100) {
    throw new TypeError(`${name} must be a string of 1 to 100 characters, got ${describe(value)}`);
  }
  return value;
}

/** Returns `value` if it has the methods of a `Clock`. @throws TypeError naming `name`. */
export function checkClock<T>(name: string, value: T): T {
  const clock = value as { [method in 'now' | 'setTimer' | 'nextTurn']?: unknown } | null | undefined;
  const methods = [clock?.now, clock?.setTimer, clock?.nextTurn];
  if (!methods.every((method) => typeof method === 'function')) {
    throw new TypeError(
      `${name} must be a Clock with now(), setTimer() and nextTurn(), got ${describe(value)}`,
    );
  }
  return value;
}

/** Returns `value` if it is a number other than `NaN`, as a priority must be. @throws TypeError or RangeError naming `name`. */
export function checkPriority(name: string, value: unknown): number {
  return checkNumber(name, value, 'a number', (n) => !Number.isNaN(n));
}

/** Returns `value` if it has the members of an `AbortSignal` that are used. @throws TypeError naming `name`. */
export function checkSignal<T>(name: string, value: T): T {
  const signal = value as { [member in keyof AbortSignal]?: unknown } | null | undefined;
  const methods = [signal?.addEventListener, signal?.removeEventListener];
  if (typeof signal?.aborted === 'boolean' && methods.every((method) => typeof method === 'function'))
    return value;
  throw new TypeError(`${name} must be an AbortSignal, got ${describe(value)}`);
}

/**
 * Ten years: how far ahead a finite deadline may be, and how long a timeout. A deadline that is further ahead comes from
 * `Date.now()`.
 */
export const MAX_DEADLINE_MS = 10 * 365.25 * 24 * 3600 * 1000;

/** Returns whether `deadline` is finite and more than ten years ahead of `now`. */
export function isAbsurdDeadline(deadline: number, now: number): boolean {
  return deadline - now > MAX_DEADLINE_MS && deadline !== Number.POSITIVE_INFINITY;
}

/** Returns `value` if it is a duration from 0 to ten years, or `Infinity`. @throws TypeError or RangeError naming `name`. */
export function checkDuration(name: string, value: unknown): number {
  const expected = 'a number of at least 0 and at most ten years of milliseconds, or Infinity';
  return checkNumber(name, value, expected, (n) => n >= 0 && !isAbsurdDeadline(n, 0));
}

/**
 * Returns `deadline` if it can be a deadline on a clock that reads `now`.
 * @throws TypeError naming `name` if it is no number.
 * @throws RangeError naming `name` if it is `NaN`, or finite and more than ten years ahead.
 */
export function checkDeadline(name: string, deadline: unknown, now: number): number {
  const expected =
    `a time of the primitive's monotonic clock, at most ten years ahead of its now() = ${now}, or Infinity ` +
    '(Date.now() is the time of another clock)';
  return checkNumber(name, deadline, expected, (n) => !Number.isNaN(n) && !isAbsurdDeadline(n, now));
}
