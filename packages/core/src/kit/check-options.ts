import { describe } from './validate.ts';

/**
 * Lists the names of all options of `Options`, for {@link checkOptions}:
 * `optionNames<DrainOptions>({ withinMs: true, signal: true })`. The compiler rejects a missing and a wrong name.
 */
export function optionNames<Options extends object>(
  names: Readonly<Record<keyof Options & string, true>>,
): readonly string[] {
  return Object.keys(names);
}

/** Counts how many letters differ, at least (V. Levenshtein, "Binary codes capable of correcting deletions", 1966). */
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

/** Shorter names are part of too many others. */
const MIN_PART = 3;

/** Finds the name that `unknown` most likely stands for; undefined if none is near. */
function nearestName(unknown: string, names: readonly string[]): string | undefined {
  const wanted = unknown.toLowerCase();
  const distance = (name: string): number => {
    const known = name.toLowerCase();
    const isPart = known.includes(wanted) || wanted.includes(known);
    return isPart && Math.min(wanted.length, known.length) >= MIN_PART ? 1 : editDistance(wanted, known);
  };
  const [nearest] = [...names].sort((a, b) => distance(a) - distance(b));
  return nearest !== undefined && distance(nearest) <= Math.max(2, unknown.length / 3) ? nearest : undefined;
}

const MAX_NAME_LENGTH = 40;

/**
 * Returns `value` if it is an object with no other names than `names`. Every constructor calls it on its options first. An
 * unknown name is an error even if its value is `undefined`.
 * @param path - the option that holds the object, such as `rateLimit`. Default: `value` is the options themselves.
 * @throws TypeError with the path of the unknown option, the nearest known name and all known names.
 */
export function checkOptions<T>(value: T, names?: readonly string[], path?: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${path ?? 'options'} must be an object, got ${describe(value)}`);
  }
  if (names === undefined) return value;
  const prefix = path === undefined ? '' : `${path}.`;
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const unknown = name.slice(0, MAX_NAME_LENGTH);
    const nearest = nearestName(unknown, names);
    const hint = nearest === undefined ? '' : `: did you mean ${prefix}${nearest}?`;
    throw new TypeError(`unknown option ${prefix}${unknown}${hint} (known: ${names.join(', ')})`);
  }
  return value;
}
