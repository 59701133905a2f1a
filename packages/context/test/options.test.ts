import { systemClock } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RequestContext, type RequestContextOptions, timeout } from '../src/index.ts';

const TEN_YEARS_MS = 10 * 365.25 * 24 * 3600 * 1000;

describe('options of RequestContext', () => {
  it('are all optional', () => {
    const ctx = new RequestContext();
    expect(ctx).toMatchObject({
      deadline: undefined,
      priority: 0,
      cost: 1,
      name: 'request-context',
      done: false,
    });
    expect(ctx.remainingMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each<[string, unknown, string]>([
    ['options', null, 'options must be an object, got null'],
    ['options', 'fast', 'options must be an object, got "fast" (string)'],
    ['timeoutMs', -1, 'timeoutMs must be a number from 0 to 315576000000, got -1 (number)'],
    ['timeoutMs', Number.NaN, 'timeoutMs must be a number from 0 to 315576000000, got NaN (number)'],
    [
      'timeoutMs',
      Number.POSITIVE_INFINITY,
      'timeoutMs must be a number from 0 to 315576000000, got Infinity',
    ],
    ['timeoutMs', Date.now(), 'timeoutMs must be a number from 0 to 315576000000, got '],
    ['timeoutMs', '5', 'timeoutMs must be a number from 0 to 315576000000, got "5" (string)'],
    ['deadline', Number.NaN, 'got NaN (number)'],
    [
      'deadline',
      Date.now() + 50,
      "deadline must be a time of the primitive's monotonic clock, at most ten years",
    ],
    ['deadline', null, 'got null'],
    ['deadline', '50', 'got "50" (string)'],
    ['deadline', new Date(0), 'got a value of type object'],
    ['signal', {}, 'signal must be an AbortSignal, got a value of type object'],
    ['signal', null, 'signal must be an AbortSignal, got null'],
    ['signal', new AbortController(), 'signal must be an AbortSignal, got a value of type object'],
    ['timeout', 5, 'unknown option timeout: did you mean timeoutMs? (known: timeoutMs, deadline, signal, '],
    ['toString', 1, 'unknown option toString'],
    ['constructor', 1, 'unknown option constructor'],
    ['priority', Number.NaN, 'priority must be a finite number, got NaN'],
    ['priority', 'high', 'priority must be a finite number, got high'],
    ['key', 7, 'key must be a string, got 7'],
    ['cost', 0, 'cost must be a finite number above 0, got 0 (number)'],
    ['name', '', 'name must be a string of 1 to 100 characters, got "" (string)'],
    ['clock', {}, 'clock must be a Clock with now(), setTimer() and nextTurn(), got a value of type object'],
  ])('%s: %s', (option, value, message) => {
    const options = (option === 'options' ? value : { [option]: value }) as RequestContextOptions;
    expect(() => new RequestContext(options)).toThrow(message);
    const type =
      typeof value === 'number' && !message.startsWith('unknown') && option !== 'key'
        ? RangeError
        : TypeError;
    expect(() => new RequestContext(options)).toThrow(type);
    if (option === 'clock' || option === 'options') return;
    const parent = new RequestContext({ timeoutMs: 1000, priority: 1, cost: 2 });
    expect(() => parent.child(options)).toThrow(message);
    expect(() => parent.detached(options)).toThrow(message);
  });

  it('accepts the ends of a range', () => {
    const clock = new VirtualClock(100);
    expect(new RequestContext({ timeoutMs: 0, clock })).toMatchObject({ deadline: 100, done: true });
    expect(new RequestContext({ timeoutMs: TEN_YEARS_MS, clock }).done).toBe(false);
    expect(new RequestContext({ deadline: 100 + TEN_YEARS_MS, clock }).done).toBe(false);
    expect(() => new RequestContext({ deadline: 101 + TEN_YEARS_MS, clock })).toThrow(RangeError);
    expect(new RequestContext({ deadline: Number.POSITIVE_INFINITY, clock }).deadline).toBeUndefined();
    expect(new RequestContext({ deadline: Number.NEGATIVE_INFINITY, clock }).reason).toBe('deadline');
    expect(new RequestContext({ priority: -3.5, cost: 0.1, clock: systemClock })).toMatchObject({
      priority: -3.5,
      cost: 0.1,
    });
  });
});

it('the clock of a child is that of its parent', () => {
  const parent = new RequestContext();
  const options = { clock: systemClock } as object;
  expect(() => parent.child(options)).toThrow('unknown option clock');
  expect(() => parent.detached(options)).toThrow('unknown option clock');
});

describe('options of timeout', () => {
  it.each<[string, unknown]>([
    ['options must be an object', undefined],
    ['timeoutMs must be a finite number above 0', {}],
    ['timeoutMs must be a finite number above 0', { timeoutMs: 0 }],
    ['timeoutMs must be a finite number above 0', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['timeoutMs must be a number from 0 to 315576000000', { timeoutMs: TEN_YEARS_MS + 1 }],
    ['unknown option timeout: did you mean timeoutMs?', { timeout: 5 }],
    ['name must be a string of 1 to 100 characters', { timeoutMs: 1, name: 5 }],
    ['clock must be a Clock', { timeoutMs: 1, clock: performance }],
  ])('%s: %o', (message, options) => {
    expect(() => timeout(options as { timeoutMs: number })).toThrow(message);
  });
});
