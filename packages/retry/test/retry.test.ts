import { type CallContext, compose, type Policy, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { RetryBudget, type RetryCallOptions, retry } from '../src/index.ts';
import { failing, setup } from './retry-harness.ts';

const rejection = (retryAfterMs?: number): RejectedError =>
  new RejectedError('RATE_LIMITED', 'limiter', { retryAfterMs });

describe('Retry', () => {
  it('repeats after an error, with a pause that doubles', async () => {
    const { clock, retrying } = setup({ maxAttempts: 4 });
    const { fn, at } = failing(clock, new Error('1'), new Error('2'), new Error('3'));
    const answer = retrying.execute(fn);
    await clock.advance(1000);
    await expect(answer).resolves.toBe('done');
    expect(at).toEqual([0, 100, 300, 700]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects with the last error itself after maxAttempts', async () => {
    const { clock, retrying } = setup();
    const last = new Error('third');
    const { fn, at } = failing(clock, new Error('first'), new Error('second'), last);
    const answer = retrying.execute(fn).catch((error) => error);
    await clock.advance(1000);
    expect(await answer).toBe(last);
    expect(at).toHaveLength(3);
    expect(retrying.stats()).toMatchObject({ admitted: 1, attempts: 3, outOfAttempts: 1, active: 0 });
  });

  it('gives the function its context and the number of the attempt', async () => {
    const { clock, retrying } = setup();
    const ctx = { priority: 3, tenant: 'a' };
    const seen: unknown[] = [];
    const answer = retrying.execute((given, attempt) => {
      seen.push([given === ctx, attempt]);
      if (attempt < 3) throw new Error('again');
      return given.priority;
    }, ctx);
    await clock.advance(1000);
    expect(await answer).toBe(3);
    expect(seen).toEqual([
      [true, 1],
      [true, 2],
      [true, 3],
    ]);
  });

  it('accepts a function that throws or returns at once', async () => {
    const { clock, retrying } = setup({ maxAttempts: 1 });
    await expect(retrying.execute(() => 1)).resolves.toBe(1);
    await expect(
      retrying.execute(() => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
    expect(clock.pendingTimers).toBe(0);
  });

  it('never backs off longer than maxBackoffMs', async () => {
    const { clock, retrying } = setup({ maxAttempts: 5, maxBackoffMs: 150 });
    const { fn, at } = failing(clock, 1, 2, 3, 4);
    const answer = retrying.execute(fn);
    await clock.advance(10_000);
    await answer;
    expect(at).toEqual([0, 100, 250, 400, 550]);
  });

  it('composes with other policies', async () => {
    const { clock, retrying } = setup();
    expectTypeOf(retrying).toExtend<Policy>();
    let calls = 0;
    const inner: Policy = {
      async execute<T>(fn: (given: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
        calls++;
        if (calls < 3) throw rejection(10);
        return await fn(ctx);
      },
    };
    const answer = compose(retrying, inner).execute((ctx) => ctx.priority, { priority: 7 });
    await clock.advance(1000);
    expect(await answer).toBe(7);
    expect(calls).toBe(3);
  });

  it('retries results for which classify says so', async () => {
    const { clock, retrying } = setup({
      classify: (settled) => ('result' in settled && settled.result === 'busy' ? 'retry' : undefined),
    });
    let tries = 0;
    const answer = retrying.execute(() => (++tries < 2 ? 'busy' : 'free'));
    await clock.advance(1000);
    expect(await answer).toBe('free');

    const busy = retrying.execute(() => 'busy');
    await clock.advance(1000);
    expect(await busy, 'the last result, not an error about retries').toBe('busy');
  });

  it('takes classify and onRetry for one call', async () => {
    const { clock, retrying } = setup({
      classify: (ended) => ('result' in ended && ended.result === 'busy' ? 'retry' : undefined),
    });
    const events: number[] = [];
    const results = ['busy', 'full', 'done'];
    const answer = retrying.execute(() => results.shift(), undefined, {
      classify: (ended) => ('result' in ended && ended.result === 'full' ? 'retry' : undefined),
      onRetry: ({ attempt }) => events.push(attempt),
    });
    await clock.advance(1000);
    expect(await answer, 'both rules hold').toBe('done');
    expect(events).toEqual([1, 2]);
    await expect(retrying.execute(() => 'full')).resolves.toBe('full');
    expect(events).toHaveLength(2);
  });

  it('rejects wrong arguments with an error that names them', async () => {
    const { retrying } = setup();
    const wrong = (ctx: CallContext, options?: RetryCallOptions) => retrying.execute(() => 1, ctx, options);
    await expect(wrong({ deadline: Number.NaN })).rejects.toThrow(/deadline/);
    await expect(wrong({}, { classify: 'final' as never })).rejects.toThrow(/classify must be a function/);
    await expect(wrong({}, { onRetry: 1 as never })).rejects.toThrow(/onRetry must be a function/);
    await expect(wrong({}, { retries: 1 } as never)).rejects.toThrow(/unknown option retries/);
    await expect(retrying.execute(1 as never)).rejects.toThrow(/fn must be a function/);
    expect(retrying.stats()).toMatchObject({ admitted: 0, rejected: 0 });
  });

  it.each([{ deadline: Number.NaN }, { deadline: Date.now() + 50 }, { deadline: '50' as never }])(
    'returns a rejection from check() for a wrong context and never throws: %j',
    (ctx) => {
      const { retrying } = setup();
      expect(retrying.check(ctx)).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'retry' });
      expect(retrying.stats().rejected).toBe(0);
    },
  );

  it('returns from check() the rejection of execute, and notifies of each one once', async () => {
    const { clock, retrying } = setup();
    const notified: unknown[] = [];
    retrying.onRejected(({ code }) => notified.push(code));
    expect(retrying.check()).toBeUndefined();
    expect(retrying.check({ deadline: 0 })).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'retry' });
    expect(notified).toEqual([]);
    await expect(retrying.execute(() => 1, { deadline: 0 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const controller = new AbortController();
    const paused = retrying.execute(failing(clock, new Error('down')).fn, controller).catch(() => {});
    await clock.advance(10);
    controller.abort();
    await paused;
    await retrying.close();
    expect(retrying.check()?.code).toBe('SHUTTING_DOWN');
    await expect(retrying.execute(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(notified).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED', 'SHUTTING_DOWN']);
    expect(retrying.stats().rejected).toBe(3);
  });
});

describe('the bounds', () => {
  it('let no more than maxPauses calls pause', async () => {
    const { clock, retrying } = setup({ maxPauses: 1 });
    const first = retrying.execute(failing(clock, new Error('a')).fn);
    await clock.advance(0);
    await expect(retrying.execute(failing(clock, new Error('b')).fn)).rejects.toThrow('b');
    expect(retrying.stats()).toMatchObject({ paused: 1, outOfPauses: 1 });
    await clock.advance(100);
    expect(await first).toBe('done');
  });

  it('allow no retry beyond the shared budget', async () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ minRetries: 3, share: 0, windowMs: 1e9, clock });
    const two = [setup({ budget }), setup({ budget })];
    let tries = 0;
    const answers = Array.from({ length: 10 }, (_, i) =>
      two[i % 2]?.retrying.execute(() => {
        tries++;
        throw new Error('down');
      }),
    );
    const settled = Promise.allSettled(answers);
    for (const { clock: own } of two) await own.advance(10_000);
    await settled;
    expect(tries).toBe(13);
    expect(budget.stats()).toMatchObject({ requests: 10, retries: 3, available: 0 });
  });
});

describe('retry', () => {
  it('does the same without an object', async () => {
    const clock = new VirtualClock();
    const { fn, at } = failing(clock, new Error('down'));
    const answer = retry(fn, { backoffMs: 100, random: () => 1, clock }, { deadline: 1000 });
    await clock.advance(100);
    expect(await answer).toBe('done');
    expect(at).toEqual([0, 100]);
    await expect(retry(fn, { maxAttempts: 0 })).rejects.toThrow(/maxAttempts/);
    await expect(retry(fn, null as never)).rejects.toThrow(/options must be an object/);
  });

  it('shares one budget between all calls on a clock without one', async () => {
    const clock = new VirtualClock();
    let tries = 0;
    const fail = (): never => {
      tries++;
      throw new Error('down');
    };
    const settled = Promise.allSettled(
      Array.from({ length: 50 }, () => retry(fail, { clock, random: () => 0 })),
    );
    await clock.advance(0);
    await settled;
    expect(tries, '10 at the beginning, and a tenth of 50').toBe(50 + 10 + 5);
  });
});
