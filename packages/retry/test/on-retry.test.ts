import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { Retry, type RetryEvent } from '../src/index.ts';
import { scripted } from './scripted-fetch.ts';

describe('onRetry', () => {
  it('notifies of each attempt that another follows, before the pause, until it is unsubscribed', async () => {
    const clock = new VirtualClock();
    const retrying = new Retry({ backoffMs: 100, random: () => 1, clock });
    const events: unknown[] = [];
    const stop = retrying.onRetry((event) => events.push([clock.now(), event]));
    const error = new Error('down');
    const fail = () => retrying.execute(() => Promise.reject(error)).catch(() => undefined);
    const first = fail();
    await clock.advance(1000);
    await first;
    expect(events, 'not of the last attempt').toEqual([
      [0, { attempt: 1, delayMs: 100, error }],
      [100, { attempt: 2, delayMs: 200, error }],
    ]);
    stop();
    const second = fail();
    await clock.advance(1000);
    await second;
    expect(events).toHaveLength(2);
  });

  it('has the status of a response', async () => {
    const { clock, fetch } = scripted([503]);
    const events: RetryEvent[] = [];
    fetch.onRetry((event) => events.push(event));
    const answer = fetch('https://a.example/');
    await clock.advance(1000);
    expect((await answer).status).toBe(200);
    expect(events).toEqual([{ attempt: 1, delayMs: 100, status: 503 }]);
  });
});

describe('x-request-priority', () => {
  it.each([
    [undefined, null],
    [0, null],
    [-0.5, '-1'],
    [1.9, '1'],
    [1e9, '999999'],
    [-1e9, '-999999'],
  ])('a priority of %s is sent as %s, with every attempt', async (priority, sent) => {
    const { clock, fetch, seen } = scripted([503]);
    const answer = fetch('https://a.example/', {}, { priority, deadline: 5000 });
    await clock.advance(1000);
    await answer;
    expect(seen.map(({ headers }) => headers.get('x-request-priority'))).toEqual([sent, sent]);
  });
});

describe('an attempt without a bound', () => {
  it('that misses the time-out of its signal reaches the breaker as a missed deadline', async () => {
    const controller = new AbortController();
    const errors: unknown[] = [];
    const { fetch } = scripted(['hang'], {
      breakerFor: () =>
        ({
          execute: async (fn: (ctx: never) => unknown, ctx: unknown) => {
            try {
              return await fn(ctx as never);
            } catch (error) {
              errors.push(error);
              throw error;
            }
          },
        }) as never,
    });
    const answer = fetch('https://a.example/', { signal: controller.signal }).catch((error) => error);
    const reason = new DOMException('too late', 'TimeoutError');
    controller.abort(reason);
    expect(await answer).toBe(reason);
    expect(errors).toMatchObject([{ code: 'DEADLINE_EXCEEDED', workBegan: true }]);
  });
});
