import { type CallContext, isRejected, type Policy, RejectedError } from '@bp/core';
import { deriveContext, raceContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { AdaptiveThrottle, CircuitBreaker, type CircuitBreakerOptions } from '../src/index.ts';

/** A time-out that this process sets, as `timeout` of @bp/context and `attemptTimeoutMs` of @bp/retry do. */
function timeLimit(timeoutMs: number, clock: VirtualClock): Policy {
  const options = { timeoutMs, clock, name: 'timeout' };
  return {
    async execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
      const limited = deriveContext(ctx, options);
      try {
        return await raceContext(limited, options, () => fn(limited));
      } finally {
        limited.end();
      }
    },
  };
}

/** How work that takes 200 ms, or hangs, ends when its context does. */
const endings: Record<string, (ctx: CallContext) => unknown> = {
  'the reason of its signal': ({ signal }) => signal?.reason,
  'an AbortError, as Node throws it': ({ signal }) =>
    Object.assign(new Error('aborted', { cause: signal?.reason }), { name: 'AbortError' }),
  'an error of its own with the reason as its cause': ({ signal }) =>
    new Error('request failed', { cause: signal?.reason }),
};

function setup(options: CircuitBreakerOptions = {}) {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker({ consecutiveFailures: 3, clock, ...options });
  /** Calls that do `work` for so long, in these policies and with this context, one after another. */
  const callThrice = async (
    workMs: number,
    ctx: () => CallContext,
    {
      outside,
      inside,
      ending,
    }: { outside?: Policy; inside?: Policy; ending?: (ctx: CallContext) => unknown } = {},
  ): Promise<void> => {
    const plain: Policy = { execute: async (fn, given = {}) => await fn(given) };
    const work = (given: CallContext): Promise<void> => {
      const watched = deriveContext(given, { clock, name: 'work' });
      return new Promise<void>((resolve, reject) => {
        const timer = clock.setTimer(() => {
          stop();
          watched.end();
          resolve();
        }, workMs);
        const stop = watched.onDone((reason) => {
          timer.cancel();
          reject(ending === undefined ? reason : ending(given));
        });
      });
    };
    for (let i = 0; i < 3; i++) {
      const call = (outside ?? plain)
        .execute(
          (given) => breaker.execute((admitted) => (inside ?? plain).execute(work, admitted), given),
          ctx(),
        )
        .catch(() => {});
      await clock.advance(5000);
      await call;
    }
  };
  return { clock, breaker, callThrice };
}

describe('a missed deadline of the caller', () => {
  it('that left the dependency too little time is ignored', async () => {
    const { clock, breaker, callThrice } = setup();
    await callThrice(200, () => ({ deadline: clock.now() + 60 }));
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', ignored: 3, failed: 0 });
  });

  it.each(Object.entries(endings))('is recognised by %s', async (_, ending) => {
    const { clock, breaker, callThrice } = setup();
    const ctx = () => deriveContext({ deadline: clock.now() + 60 }, { clock, name: 'caller' });
    await callThrice(200, ctx, { ending });
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', ignored: 3, failed: 0 });
  });

  it('is ignored inside a longer time limit of this process, on either side of the breaker', async () => {
    for (const side of ['outside', 'inside'] as const) {
      const { clock, breaker, callThrice } = setup();
      await callThrice(200, () => ({ deadline: clock.now() + 60 }), { [side]: timeLimit(1000, clock) });
      expect(breaker.stats(), side).toMatchObject({ state: 'CLOSED', failed: 0 });
    }
  });

  it('is a failure from half the time limit of this process on', async () => {
    for (const [timeoutMs, state] of [
      [499, 'CLOSED'],
      [500, 'OPEN'],
    ] as const) {
      const { clock, breaker, callThrice } = setup();
      await callThrice(60_000, () => ({ deadline: clock.now() + timeoutMs }), {
        outside: timeLimit(1000, clock),
      });
      expect(breaker.state, `${timeoutMs} ms of 1000`).toBe(state);
    }
  });

  it('is a failure from a second on, if this process sets no limit', async () => {
    for (const [timeoutMs, state] of [
      [999, 'CLOSED'],
      [1000, 'OPEN'],
    ] as const) {
      const { clock, breaker, callThrice } = setup();
      await callThrice(60_000, () => ({ deadline: clock.now() + timeoutMs }));
      expect(breaker.state, `${timeoutMs} ms`).toBe(state);
    }
  });

  it('is a failure from minTimeoutMs on, if that is given', async () => {
    for (const [timeoutMs, state] of [
      [299, 'CLOSED'],
      [300, 'OPEN'],
    ] as const) {
      const { clock, breaker, callThrice } = setup({ minTimeoutMs: 300 });
      const outside = timeLimit(1000, clock);
      await callThrice(60_000, () => ({ deadline: clock.now() + timeoutMs }), { outside });
      expect(breaker.state, `${timeoutMs} ms`).toBe(state);
    }
  });

  it('may be the time-out of its signal', async () => {
    for (const [afterMs, counted] of [
      [60, { ignored: 3, failed: 0 }],
      [1000, { ignored: 0, failed: 3 }],
    ] as const) {
      const { clock, breaker, callThrice } = setup({ consecutiveFailures: 4 });
      const ending = ({ signal }: CallContext) => signal?.reason;
      await callThrice(
        60_000,
        () => {
          const controller = new AbortController();
          clock.setTimer(() => controller.abort(new DOMException('late', 'TimeoutError')), afterMs);
          return { signal: controller.signal };
        },
        { ending },
      );
      expect(breaker.stats(), `${afterMs} ms`).toMatchObject(counted);
    }
  });

  it('is ignored by an AdaptiveThrottle too', async () => {
    const clock = new VirtualClock();
    const throttle = new AdaptiveThrottle({ clock, minTimeoutMs: 100 });
    for (const [timeoutMs, requests] of [
      [60, 0],
      [100, 1],
    ] as const) {
      const ctx = deriveContext({ deadline: clock.now() + timeoutMs }, { clock, name: 'caller' });
      const call = throttle.execute(
        () =>
          new Promise((_, reject) => {
            ctx.onDone(reject);
          }),
        ctx,
      );
      const ended = call.catch((error: unknown) => error);
      await clock.advance(timeoutMs);
      expect(isRejected(await ended, 'DEADLINE_EXCEEDED')).toBe(true);
      expect(throttle.stats().requests, `${timeoutMs} ms`).toBe(requests);
    }
  });
});

describe('a time limit of this process', () => {
  it.each(['outside', 'inside'] as const)(
    '%s of the breaker that a call misses is a failure',
    async (side) => {
      const { clock, breaker, callThrice } = setup();
      await callThrice(60_000, () => ({}), { [side]: timeLimit(100, clock) });
      expect(breaker.state).toBe('OPEN');
    },
  );

  it.each(Object.entries(endings))('is recognised by %s', async (_, ending) => {
    const { clock, breaker, callThrice } = setup();
    await callThrice(60_000, () => ({}), { outside: timeLimit(100, clock), ending });
    expect(breaker.state).toBe('OPEN');
  });

  it('that the call spent in a queue before the breaker is ignored', async () => {
    const { clock, breaker, callThrice } = setup();
    const queue: Policy = {
      async execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
        await new Promise<void>((resolve) => clock.setTimer(resolve, 80));
        return await fn(ctx);
      },
    };
    const limit = timeLimit(100, clock);
    const outside: Policy = { execute: (fn, ctx) => limit.execute((given) => queue.execute(fn, given), ctx) };
    await callThrice(60_000, () => ({}), { outside });
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', ignored: 3 });
  });
});

describe('an error that tells nothing about the dependency', () => {
  it('is a rejection by another primitive, or that of a call that waited in one', async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 1 });
    const throws = (error: unknown): Promise<void> =>
      breaker.execute(() => Promise.reject(error)).catch(() => {});
    await throws(new RejectedError('CONCURRENCY_LIMIT', 'inner'));
    await throws(new RejectedError('DEADLINE_EXCEEDED', 'inner'));
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', ignored: 2, failed: 0 });
    await throws(new RejectedError('DEADLINE_EXCEEDED', 'timeout', { workBegan: true }));
    expect(breaker.state).toBe('OPEN');
  });

  it.each<[string, unknown]>([
    ['an error', new Error('user left')],
    ['no error', 'user left'],
  ])('is the reason with which its caller cancelled the call: %s', async (_what, reason) => {
    const breaker = new CircuitBreaker();
    const controller = new AbortController();
    const call = breaker.execute(async () => {
      controller.abort(reason);
      controller.signal.throwIfAborted();
    }, controller);
    await expect(call).rejects.toBe(reason);
    expect(breaker.stats()).toMatchObject({ ignored: 1, failed: 0 });
  });

  it('is not an error that happens in the moment of an abort', async () => {
    const breaker = new CircuitBreaker();
    const controller = new AbortController();
    const call = breaker.execute(async () => {
      controller.abort();
      throw new Error('down');
    }, controller);
    await expect(call).rejects.toThrow('down');
    expect(breaker.stats()).toMatchObject({ failed: 1, ignored: 0 });
  });

  it('is not a time-out that the work set itself', async () => {
    const breaker = new CircuitBreaker();
    const late = new DOMException('late', 'TimeoutError');
    await expect(breaker.execute(() => Promise.reject(late))).rejects.toBe(late);
    expect(breaker.stats()).toMatchObject({ failed: 1, ignored: 0 });
  });
});
