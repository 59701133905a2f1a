function describe(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 40))} (string)`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} (${typeof value})`;
  return value === null || value === undefined ? `${value}` : `a value of type ${typeof value}`;
}

function checkNumber(name: string, value: unknown, expected: string, valid: (n: number) => boolean): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be ${expected}, got ${describe(value)}`);
  if (!valid(value)) throw new RangeError(`${name} must be ${expected}, got ${describe(value)}`);
  return value;
}

/** `value` if it is an integer from `min` (default 1) to 2^53 - 1. @throws TypeError or RangeError naming `name`. */
export function checkInteger(name: string, value: unknown, min = 1): number {
  return checkNumber(
    name,
    value,
    `an integer of at least ${min}`,
    (n) => Number.isSafeInteger(n) && n >= min,
  );
}

/** `value` if it is a finite number above 0. @throws TypeError or RangeError naming `name`. */
export function checkPositive(name: string, value: unknown): number {
  return checkNumber(name, value, 'a finite number above 0', (n) => Number.isFinite(n) && n > 0);
}

/** `value` if it is a finite number of at least 0. @throws TypeError or RangeError naming `name`. */
export function checkNonNegative(name: string, value: unknown): number {
  return checkNumber(name, value, 'a finite number of at least 0', (n) => Number.isFinite(n) && n >= 0);
}

/** `value` if it is a number of at least 0, `Infinity` too. @throws TypeError or RangeError naming `name`. */
export function checkNonNegativeOrInfinity(name: string, value: unknown): number {
  return checkNumber(name, value, 'a number of at least 0, or Infinity', (n) => n >= 0);
}

/** `value` if it is a number from `min` to `max`, both included. @throws TypeError or RangeError naming `name`. */
export function checkBetween(name: string, value: unknown, min: number, max: number): number {
  return checkNumber(name, value, `a number from ${min} to ${max}`, (n) => n >= min && n <= max);
}

/** `value` if it is a function. @throws TypeError naming `name`. */
export function checkFunction<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`);
  return value;
}

/** `value` if it is a boolean. @throws TypeError naming `name`. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be a boolean, got ${describe(value)}`);
  return value;
}

/** `value` if it is one of `allowed`. @throws TypeError naming `name` and what is allowed. */
export function checkOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    const list = allowed.map((candidate) => JSON.stringify(candidate)).join(', ');
    throw new TypeError(`${name} must be one of ${list}, got ${describe(value)}`);
  }
  return found;
}

/** `value` if it is a string of 1 to 100 characters: what a primitive is called in rejections and metrics. */
export function checkName(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > 100) {
    throw new TypeError(`${name} must be a string of 1 to 100 characters, got ${describe(value)}`);
  }
  return value;
}

/** `value` if it has the methods of a `Clock`. @throws TypeError naming `name`. */
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

/** How many letters differ, at least (V. Levenshtein, "Binary codes capable of correcting deletions", 1966). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The name that `unknown` most likely stands for; undefined if none is near. */
function nearestName(unknown: string, names: readonly string[]): string | undefined {
  const wanted = unknown.toLowerCase();
  const distance = (name: string): number => {
    const known = name.toLowerCase();
    return known.includes(wanted) || wanted.includes(known) ? 1 : editDistance(wanted, known);
  };
  const [nearest] = [...names].sort((a, b) => distance(a) - distance(b));
  return nearest !== undefined && distance(nearest) <= Math.max(2, unknown.length / 3) ? nearest : undefined;
}

/**
 * `value` if it is an object with no other names than `names`: what every constructor calls on its options first. Options that
 * are `undefined` count as absent.
 * @param path - where the object stands, such as `rateLimit`. Default: the options themselves.
 * @throws TypeError naming the unknown option with its path, the nearest known one and all that are known.
 */
export function checkOptions<T>(value: T, names?: readonly string[], path?: string): T {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${path ?? 'options'} must be an object, got ${describe(value)}`);
  }
  if (names === undefined) return value;
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const full = path === undefined ? name.slice(0, 40) : `${path}.${name.slice(0, 40)}`;
    const nearest = nearestName(name.slice(0, 40), names);
    const hint =
      nearest === undefined ? '' : `: did you mean ${path === undefined ? '' : `${path}.`}${nearest}?`;
    throw new TypeError(`unknown option ${full}${hint} (known: ${names.join(', ')})`);
  }
  return value;
}
