import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { checkOptions, optionNames } from '../src/kit/index.ts';

interface Options {
  readonly maxQueue?: number | undefined;
  readonly limit: number;
  readonly clock?: object | undefined;
}

const NAMES = optionNames<Options>({ maxQueue: true, limit: true, clock: true });

describe('checkOptions', () => {
  it('returns options with known names', () => {
    const options: Options = { limit: 1, maxQueue: undefined };
    expect(checkOptions(options, NAMES)).toBe(options);
    expectTypeOf(checkOptions(options, NAMES)).toEqualTypeOf<Options>();
    expect(checkOptions(options)).toBe(options);
  });

  it.each<[unknown, string | undefined, string]>([
    [{ queue: 3 }, undefined, 'unknown option queue: did you mean maxQueue? (known: maxQueue, limit, clock)'],
    [
      { maxqueue: 3 },
      undefined,
      'unknown option maxqueue: did you mean maxQueue? (known: maxQueue, limit, clock)',
    ],
    [{ limti: 3 }, undefined, 'unknown option limti: did you mean limit? (known: maxQueue, limit, clock)'],
    [
      { Limit: undefined },
      undefined,
      'unknown option Limit: did you mean limit? (known: maxQueue, limit, clock)',
    ],
    [{ rate: 3 }, undefined, 'unknown option rate (known: maxQueue, limit, clock)'],
    [{ x: 3 }, undefined, 'unknown option x (known: maxQueue, limit, clock)'],
    [{ '': 3 }, undefined, 'unknown option  (known: maxQueue, limit, clock)'],
    [
      { limit: 1, queue: 3 },
      'load.gate',
      'unknown option load.gate.queue: did you mean load.gate.maxQueue? (known: maxQueue, limit, clock)',
    ],
    [undefined, undefined, 'options must be an object, got undefined'],
    [null, 'load', 'load must be an object, got null'],
    [5, 'load', 'load must be an object, got 5 (number)'],
    [[], undefined, 'options must be an object, got a value of type object'],
    [() => {}, undefined, 'options must be an object, got a value of type function'],
  ])('rejects %o', (options, path, message) => {
    expect(() => checkOptions(options, NAMES, path)).toThrow(new TypeError(message));
  });

  it('rejects every other name with a short message, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant('x'.repeat(1e5)), fc.constant('__proto__')), (name) => {
        fc.pre(!NAMES.includes(name));
        const options = JSON.parse(`{${JSON.stringify(name)}: 1}`);
        let message = '';
        try {
          checkOptions(options, NAMES);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          message = (error as Error).message;
        }
        expect(message).toMatch(/^unknown option /);
        expect(message.length).toBeLessThan(150);
      }),
    );
  });

  it('names one option that is one letter off', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.nat(), fc.constantFrom('', 'q', 'é'), (name, at, letter) => {
        const position = at % name.length;
        const wrong = name.slice(0, position) + letter + name.slice(position + 1);
        fc.pre(!NAMES.includes(wrong));
        expect(() => checkOptions({ [wrong]: 1 }, NAMES)).toThrow(`did you mean ${name}?`);
      }),
    );
  });
});

describe('optionNames', () => {
  it('lists all names of a type, which the compiler checks', () => {
    expect(NAMES).toEqual(['maxQueue', 'limit', 'clock']);
    // @ts-expect-error -- `clock` is missing
    optionNames<Options>({ maxQueue: true, limit: true });
    // @ts-expect-error -- `other` is no option
    optionNames<Options>({ maxQueue: true, limit: true, clock: true, other: true });
  });
});
