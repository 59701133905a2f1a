import { type CallContext, compose, isRejected, type Policy, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { Retry, RetryBudget, type RetryOptions, retry } from '../src/index.ts';

/** A retry that waits exactly the limit of its backoff: 100 ms, 200 ms, ... */
function setup(options: RetryOptions = {}): { clock: VirtualClock; retrying: Retry } {
  const clock = new VirtualClock();
  return { clock, retrying: new Retry({ backoffMs: 100, random: () => 1, clock, ...options }) };
}

/** Fails with each of `errors` in turn, then returns 'done'; remembers when it was called. */
function failing(clock: VirtualClock, ...errors: unknown[]): { fn: () => string; at: number[] } {
  const at: number[] = [];
  const fn = (): string => {
    at.push(clock.now());
    if (errors.length > 0) throw errors.shift();
    return 'done';
  };
  return { fn, at };
}

const rejection = (retryAfterMs?: number): RejectedError =>
  new RejectedError('RATE_LIMITED', 'limiter', { retryAfterMs });

describe('Retry', () => {
  it('tries again after an error, with a wait that doubles', async () => {
    const { clock, retrying } = setup({ maxAttempts: 4 });
    const { fn, at } = failing(clock, new Error('1'), new Error('2'), new Error('3'));
    const answer = retrying.execute(fn);
    await clock.advance(1000);
    await expect(answer).resolves.toBe('done');
    expect(at).toEqual([0, 100, 300, 700]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects with the last error itself when there were enough tries', async () => {
    const { clock, retrying } = setup();
    const last = new Error('third');
    const { fn, at } = failing(clock, new Error('first'), new Error('second'), last);
    const answer = retrying.execute(fn).catch((error) => error);
    await clock.advance(1000);
    expect(await answer).toBe(last);
    expect(at).toHaveLength(3);
    expect(retrying.stats()).toMatchObject({ calls: 1, tries: 3, outOfAttempts: 1, active: 0 });
  });

  it('tells the function its context and which try it is', async () => {
    const { clock, retrying } = setup();
    const ctx = { priority: 3, tenant: 'a' };
    const seen: unknown[] = [];
    const answer = retrying.execute((given, attempt) => {
      expectTypeOf(given).toEqualTypeOf<{ priority: number; tenant: string }>();
      seen.push([given === ctx, attempt]);
      if (attempt < 3) throw new Error('again');
      return given.tenant;
    }, ctx);
    await clock.advance(1000);
    expect(await answer).toBe('a');
    expect(seen).toEqual([
      [true, 1],
      [true, 2],
      [true, 3],
    ]);
  });

  it('takes a function that throws or returns at once for one that does so later', async () => {
    const { clock, retrying } = setup({ maxAttempts: 1 });
    await expect(retrying.execute(() => 1)).resolves.toBe(1);
    await expect(
      retrying.execute(() => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
    expect(clock.pendingTimers).toBe(0);
  });

  it('never waits longer than maxBackoffMs by its own choice', async () => {
    const { clock, retrying } = setup({ maxAttempts: 5, maxBackoffMs: 150 });
    const { fn, at } = failing(clock, 1, 2, 3, 4);
    const answer = retrying.execute(fn);
    await clock.advance(10_000);
    await answer;
    expect(at).toEqual([0, 100, 250, 400, 550]);
  });

  it('takes its place among policies', async () => {
    const { clock, retrying } = setup();
    expectTypeOf(retrying).toExtend<Policy>();
    let calls = 0;
    const inner: Policy = {
      async execute<T>(fn: (ctx: never) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
        calls++;
        if (calls < 3) throw rejection(10);
        return await fn(ctx as never);
      },
    };
    const answer = compose(retrying, inner).execute((ctx) => ctx.priority, { priority: 7 });
    await clock.advance(1000);
    expect(await answer).toBe(7);
    expect(calls).toBe(3);
  });

  it('judges results where it is told to', async () => {
    const { clock, retrying } = setup({
      classify: (settled) => ('result' in settled && settled.result === 'busy' ? 'retry' : undefined),
    });
    let tries = 0;
    const answer = retrying.execute(() => (++tries < 2 ? 'busy' : 'free'));
    await clock.advance(1000);
    expect(await answer).toBe('free');

    const busy = retrying.execute(() => 'busy');
    await clock.advance(1000);
    expect(await busy, 'the last real answer, not an error about retries').toBe('busy');
  });
});

describe('what a rejection says', () => {
  it('is waited for, and never less, with the jitter on top', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock, rejection(1000), rejection(0));
    const answer = retrying.execute(fn);
    await clock.advance(5000);
    await answer;
    expect(at).toEqual([0, 1100, 1300]);
  });

  it('is heeded on any error that has a retryAfterMs', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock, Object.assign(new Error('busy'), { retryAfterMs: 500 }));
    const answer = retrying.execute(fn);
    await clock.advance(5000);
    await answer;
    expect(at).toEqual([0, 600]);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 30_001])(
    'never, if it says %d',
    async (retryAfterMs) => {
      const { clock, retrying } = setup();
      const told = rejection(retryAfterMs);
      const { fn, at } = failing(clock, told);
      await expect(retrying.execute(fn)).rejects.toBe(told);
      expect(at).toHaveLength(1);
      expect(retrying.stats().pushedBack).toBe(1);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('can be that nothing will help: cancelled, closing, given up', async () => {
    const { clock, retrying } = setup();
    const abort = new DOMException('stop', 'AbortError');
    for (const error of [
      new RejectedError('CANCELLED', 'x'),
      new RejectedError('SHUTTING_DOWN', 'x'),
      abort,
    ]) {
      const { fn, at } = failing(clock, error);
      await expect(retrying.execute(fn)).rejects.toBe(error);
      expect(at).toHaveLength(1);
    }
  });

  it('holds where classify throws: the caller is given its own answer, and what was thrown surfaces', async () => {
    const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const { clock, retrying } = setup({
      classify: () => {
        throw new Error('a bug of the caller');
      },
    });
    const { fn, at } = failing(clock, new Error('first'));
    const answer = retrying.execute(fn);
    await clock.advance(1000);
    await expect(answer).resolves.toBe('done');
    expect(at).toEqual([0, 100]);
    expect(later.mock.calls).toHaveLength(2);
    expect(later.mock.calls[0]?.[0]).toThrow('a bug of the caller');
    later.mockRestore();
  });

  it('can be overruled by classify', async () => {
    const { clock, retrying } = setup({
      classify: (settled, attempt) => ('error' in settled ? { retryAfterMs: attempt * 1000 } : undefined),
    });
    const { fn, at } = failing(clock, rejection(-1), rejection(-1));
    const answer = retrying.execute(fn);
    await clock.advance(10_000);
    await answer;
    expect(at).toEqual([0, 1100, 3300]);
  });
});

describe('the deadline', () => {
  it('ends the tries at once when it could not hold another', async () => {
    const { clock, retrying } = setup({ minAttemptMs: 50 });
    const error = new Error('down');
    const exactly = failing(clock, error);
    const answer = retrying.execute(exactly.fn, { deadline: 150 });
    await clock.advance(100);
    expect(await answer).toBe('done');

    const short = failing(clock, error);
    await expect(retrying.execute(short.fn, { deadline: clock.now() + 149 })).rejects.toBe(error);
    expect(short.at).toHaveLength(1);
    expect(retrying.stats().outOfTime).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects a call at once when it does not hold even one try', async () => {
    const { clock, retrying } = setup({ minAttemptMs: 50 });
    const { fn, at } = failing(clock);
    const answer = retrying.execute(fn, { deadline: 49 });
    await expect(answer).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', limiter: 'retry' });
    expect(at).toEqual([]);
    expect(retrying.stats()).toMatchObject({ calls: 0, rejected: 1 });
  });

  it('is kept by a timer that comes late: the last error instead of a try that is too late', async () => {
    const { clock, retrying } = setup();
    const error = new Error('down');
    const { fn, at } = failing(clock, error);
    const answer = retrying.execute(fn, { deadline: 200 }).catch((reason) => reason);
    await clock.advance(0);
    clock.jumpTo(199.5); // the loop was blocked for so long
    await clock.advance(0);
    expect(await answer).toBe(error);
    expect(at).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('cancellation', () => {
  it('while it waits is immediate, leaves no timer and no listener, and gives the retry back', async () => {
    const budget = new RetryBudget({ minRetries: 1, share: 0, clock: new VirtualClock() });
    const { clock, retrying } = setup({ budget });
    const controller = new AbortController();
    const { fn, at } = failing(clock, new Error('down'));
    const answer = retrying.execute(fn, { signal: controller.signal, deadline: 10_000 }).catch((e) => e);
    await clock.advance(50);
    expect(retrying.stats().waiting).toBe(1);
    expect(budget.stats().available).toBe(0);
    controller.abort('enough');
    expect(await answer).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(clock.now()).toBe(50);
    expect(clock.pendingTimers).toBe(0);
    expect(at).toHaveLength(1);
    expect(retrying.stats()).toMatchObject({ waiting: 0, active: 0, abandoned: 1 });
    expect(budget.stats()).toMatchObject({ available: 1, retries: 1, refunded: 1 });
  });

  it('in the very turn in which the wait ends still comes in time', async () => {
    for (const end of ['cancel', 'close']) {
      const { clock, retrying } = setup();
      const controller = new AbortController();
      const { fn, at } = failing(clock, new Error('down'));
      const answer = retrying.execute(fn, { signal: controller.signal }).catch((error) => error);
      await clock.advance(0);
      clock.setTimer(() => void (end === 'cancel' ? controller.abort() : retrying.close()), 100);
      clock.advanceSync(100);
      expect(await answer).toMatchObject(end === 'cancel' ? { code: 'CANCELLED' } : { message: 'down' });
      expect(at).toHaveLength(1);
    }
  });

  it('before it begins rejects without a try', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock);
    await expect(retrying.execute(fn, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(at).toEqual([]);
  });

  it('while a try runs lets the error of the function through and begins no other', async () => {
    const { clock, retrying } = setup();
    const controller = new AbortController();
    const error = new Error('noticed');
    const answer = retrying.execute(
      () => {
        controller.abort();
        throw error;
      },
      { signal: controller.signal },
    );
    await expect(answer).rejects.toBe(error);
    expect(clock.pendingTimers).toBe(0);
  });

  it('by a signal that timed out counts as out of time', async () => {
    const { retrying } = setup();
    const controller = new AbortController();
    const answer = retrying.execute(
      () => {
        controller.abort(new DOMException('late', 'TimeoutError'));
        throw new Error('slow');
      },
      { signal: controller.signal },
    );
    await expect(answer).rejects.toThrow('slow');
    expect(retrying.stats().outOfTime).toBe(1);
  });

  it('is heard through onDone where there is one', async () => {
    const { clock, retrying } = setup();
    let tell = (_: unknown): void => {};
    let removed = 0;
    const ctx: CallContext = {
      onDone: (listener) => {
        tell = listener;
        return () => removed++;
      },
      doneReason: undefined,
    };
    const { fn } = failing(clock, new Error('down'));
    const answer = retrying.execute(fn, ctx).catch((e) => e);
    await clock.advance(10);
    tell('gone');
    expect(isRejected(await answer, 'CANCELLED')).toBe(true);
    expect(removed).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the bounds', () => {
  it('do not let more calls wait than maxWaiting', async () => {
    const { clock, retrying } = setup({ maxWaiting: 1 });
    const first = retrying.execute(failing(clock, new Error('a')).fn);
    await clock.advance(0);
    await expect(retrying.execute(failing(clock, new Error('b')).fn)).rejects.toThrow('b');
    expect(retrying.stats()).toMatchObject({ waiting: 1, outOfRoom: 1 });
    await clock.advance(100);
    expect(await first).toBe('done');
  });

  it('do not let calls retry beyond the budget they share', async () => {
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

describe('close', () => {
  it('answers those that wait with their last error, lets run what runs, and rejects newcomers', async () => {
    const { clock, retrying } = setup();
    const error = new Error('down');
    const waiting = retrying.execute(failing(clock, error).fn).catch((reason) => reason);
    let finish = (_: string): void => {};
    const running = retrying.execute(() => new Promise<string>((resolve) => (finish = resolve)));
    await clock.advance(0);

    let closed = false;
    const closing = retrying.close().then(() => (closed = true));
    expect(await waiting).toBe(error);
    await expect(retrying.execute(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(0);
    expect(closed).toBe(false);
    finish('late but good');
    expect(await running).toBe('late but good');
    await closing;
    await retrying.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('begins no other try of what fails meanwhile', async () => {
    const { clock, retrying } = setup();
    let fail = (_: Error): void => {};
    const running = retrying.execute(() => new Promise<string>((_, reject) => (fail = reject)));
    const closing = retrying.close();
    fail(new Error('last'));
    await expect(running).rejects.toThrow('last');
    await closing;
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits no longer than its own deadline', async () => {
    const { clock, retrying } = setup();
    void retrying.execute(() => new Promise(() => {}));
    let closed = false;
    void retrying.close({ deadline: 100 }).then(() => (closed = true));
    await clock.advance(99);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(closed).toBe(true);
    await retrying.close({ deadline: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is what disposing does', async () => {
    const { retrying } = setup();
    await retrying[Symbol.asyncDispose]();
    await expect(retrying.execute(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('retry', () => {
  it('is the same without an object', async () => {
    const clock = new VirtualClock();
    const { fn, at } = failing(clock, new Error('down'));
    const answer = retry(fn, { backoffMs: 100, random: () => 1, clock }, { deadline: 1000 });
    await clock.advance(100);
    expect(await answer).toBe('done');
    expect(at).toEqual([0, 100]);
    await expect(retry(fn, { maxAttempts: 0 })).rejects.toThrow(/maxAttempts/);
    await expect(retry(fn, null as never)).rejects.toThrow(/options must be an object/);
  });

  it('shares one budget between all calls on a clock that are given none', async () => {
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
    expect(tries, 'a floor of 10, and a tenth of 50').toBe(50 + 10 + 5);
  });
});
