import { RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { collectUncaught } from './collect-uncaught.ts';
import { failing, setup } from './retry-harness.ts';

const rejection = (retryAfterMs?: number): RejectedError =>
  new RejectedError('RATE_LIMITED', 'limiter', { retryAfterMs });

describe('the retryAfterMs of an error', () => {
  it('delays the next attempt, with the jitter on top', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock, rejection(1000), rejection(0));
    const answer = retrying.execute(fn);
    await clock.advance(5000);
    await answer;
    expect(at).toEqual([0, 1100, 1300]);
  });

  it('counts on any error that has one', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock, Object.assign(new Error('busy'), { retryAfterMs: 500 }));
    const answer = retrying.execute(fn);
    await clock.advance(5000);
    await answer;
    expect(at).toEqual([0, 600]);
  });

  it.each([Number.POSITIVE_INFINITY, 30_001])('of %d ends the call at once', async (retryAfterMs) => {
    for (const error of [rejection(retryAfterMs), Object.assign(new Error('no'), { retryAfterMs })]) {
      const { clock, retrying } = setup();
      const { fn, at } = failing(clock, error);
      await expect(retrying.execute(fn)).rejects.toBe(error);
      expect(at).toHaveLength(1);
      expect(retrying.stats().delayTooLong).toBe(1);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('of Infinity ends the call whatever maxRetryAfterMs is', async () => {
    const { clock, retrying } = setup({ maxRetryAfterMs: Number.MAX_VALUE });
    const { fn, at } = failing(clock, rejection(Number.POSITIVE_INFINITY));
    await expect(retrying.execute(fn)).rejects.toThrow();
    expect(at).toHaveLength(1);
  });

  it.each([undefined, Number.NaN, -1])('of %s is unknown: the backoff alone counts', async (retryAfterMs) => {
    for (const error of [rejection(retryAfterMs), Object.assign(new Error('no'), { retryAfterMs })]) {
      const { clock, retrying } = setup();
      const { fn, at } = failing(clock, error);
      const answer = retrying.execute(fn);
      await clock.advance(1000);
      expect(await answer).toBe('done');
      expect(at).toEqual([0, 100]);
    }
  });

  it('does not matter where no retry helps: cancelled, closing, aborted', async () => {
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

  it('counts where classify throws, whose error surfaces', async () => {
    const uncaught = collectUncaught();
    const { clock, retrying } = setup({
      classify: () => {
        throw new Error('a bug in a callback');
      },
    });
    const { fn, at } = failing(clock, new Error('first'));
    const answer = retrying.execute(fn);
    await clock.advance(1000);
    await expect(answer).resolves.toBe('done');
    expect(at).toEqual([0, 100]);
    const bug = new Error('a bug in a callback');
    expect(uncaught).toEqual([bug, bug]);
  });

  it('is overruled by classify', async () => {
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
