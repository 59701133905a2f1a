import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import {
  createRetryingFetch,
  Retry,
  RetryBudget,
  type RetryBudgetOptions,
  type RetryingFetchOptions,
  type RetryOptions,
} from '../src/index.ts';

describe('wrong options', () => {
  const shared: [RetryOptions & RetryingFetchOptions, RegExp][] = [
    [{ maxAttempts: 0 }, /maxAttempts must be an integer of at least 1, got 0/],
    [{ maxAttempts: 1.5 }, /maxAttempts/],
    [{ maxAttempts: 1000 }, /maxAttempts must be at most 999, got 1000/],
    [{ backoffMs: 0 }, /backoffMs must be a finite number above 0, got 0/],
    [{ backoffMs: Number.POSITIVE_INFINITY }, /backoffMs/],
    [{ maxBackoffMs: Number.NaN }, /maxBackoffMs/],
    [{ backoffMs: 100, maxBackoffMs: 99 }, /maxBackoffMs must be at least backoffMs = 100, got 99/],
    [{ maxRetryAfterMs: -1 }, /maxRetryAfterMs/],
    [{ attemptTimeoutMs: 0 }, /attemptTimeoutMs/],
    [
      { attemptTimeoutMs: Number.MAX_SAFE_INTEGER },
      /attemptTimeoutMs must be a number from 0 to 315576000000, got 9007199254740991/,
    ],
    [
      { minAttemptMs: 50, attemptTimeoutMs: 49 },
      /attemptTimeoutMs must be at least minAttemptMs = 50, got 49/,
    ],
    [{ minAttemptMs: 0 }, /minAttemptMs/],
    [{ maxPauses: -1 }, /maxPauses/],
    [{ budget: {} as never }, /budget.recordRequest must be a function/],
    [{ budget: 1 as never }, /budget.recordRequest must be a function/],
    [{ name: '' }, /name/],
    [{ clock: {} as never }, /clock must be a Clock/],
    [{ random: 1 as never }, /random must be a function/],
    [{ maxAttempt: 1 } as never, /unknown option maxAttempt: did you mean maxAttempts\?/],
    [{ maxWaiting: 1 } as never, /unknown option maxWaiting/],
    [null as never, /options must be an object/],
  ];
  it.each(shared)('%j, to Retry', (options, message) => expect(() => new Retry(options)).toThrow(message));
  it.each(shared)('%j, to createRetryingFetch', (options, message) =>
    expect(() => createRetryingFetch(options)).toThrow(message),
  );

  it('a classify that is no function', () => {
    expect(() => new Retry({ classify: 'retry' as never })).toThrow(/classify must be a function/);
  });

  it.each<[RetryingFetchOptions, RegExp]>([
    [{ fetch: {} as never }, /fetch must be a function/],
    [{ retryStatuses: 503 as never }, /retryStatuses must be an array, got number/],
    [{ retryStatuses: [503, 600] }, /retryStatuses must be integers from 100 to 599, got 600/],
    [{ retryStatuses: ['503' as never] }, /retryStatuses/],
    [{ retryStatuses: [undefined as never] }, /retryStatuses/],
    [{ breakerFor: {} as never }, /breakerFor/],
    [{ marginMs: -1 }, /marginMs/],
    [{ marginMs: 20, minAttemptMs: 20 }, /minAttemptMs must be above marginMs = 20, got 20/],
    [{ attemptTimeoutMs: 19 }, /attemptTimeoutMs must be at least minAttemptMs = 20, got 19/],
    [{ wallNow: 0 as never }, /wallNow/],
    [{ classify: () => 'final' } as never, /unknown option classify/],
  ])('%j', (options, message) => expect(() => createRetryingFetch(options)).toThrow(message));

  it.each<[RetryBudgetOptions, RegExp]>([
    [{ share: -0.1 }, /share must be a number from 0 to 1, got -0.1/],
    [{ share: 1.1 }, /share/],
    [{ share: Number.NaN }, /share/],
    [{ minRetries: -1 }, /minRetries/],
    [{ windowMs: 0 }, /windowMs/],
    [{ maxSaved: 5, minRetries: 6 }, /maxSaved must be at least 1 and minRetries = 6, got 5/],
    [{ maxSaved: 0.5, minRetries: 0.5 }, /maxSaved must be at least 1 and minRetries = 0.5, got 0.5/],
    [{ maxSave: 1 } as never, /unknown option maxSave: did you mean maxSaved\?/],
    [{ clock: 1 as never }, /clock must be a Clock/],
    [null as never, /options must be an object/],
  ])('%j, to RetryBudget', (options, message) => expect(() => new RetryBudget(options)).toThrow(message));
});

describe('absent options', () => {
  it('have the documented defaults', async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const fail = (): never => {
      at.push(clock.now());
      throw new Error('down');
    };
    const answer = new Retry({ clock, random: () => 1 }).execute(fail).catch(() => {});
    await clock.advance(1000);
    await answer;
    expect(at).toEqual([0, 50, 150]);
    expect(new RetryBudget({ clock, minRetries: 200 }).stats().available).toBe(200);
    new Retry({ backoffMs: 30_000 });
    new Retry();
    createRetryingFetch();
  });

  it('may be given as undefined', () => {
    new Retry({ maxAttempts: undefined, attemptTimeoutMs: undefined, budget: undefined, clock: undefined });
  });
});
