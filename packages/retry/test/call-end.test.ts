import { type CallContext, isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../src/index.ts';
import { failing, setup } from './retry-harness.ts';

describe('the deadline', () => {
  it('ends the call at once when it leaves no time for another attempt', async () => {
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

  it('rejects a call at once when it leaves no time for one attempt', async () => {
    const { clock, retrying } = setup({ minAttemptMs: 50 });
    const { fn, at } = failing(clock);
    const answer = retrying.execute(fn, { deadline: 49 });
    await expect(answer).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'retry' });
    expect(at).toEqual([]);
    expect(retrying.stats()).toMatchObject({ admitted: 0, rejected: 1 });
  });

  it('is kept when a timer is late: the last error, no attempt that begins too late', async () => {
    const { clock, retrying } = setup();
    const error = new Error('down');
    const { fn, at } = failing(clock, error);
    const answer = retrying.execute(fn, { deadline: 200 }).catch((reason) => reason);
    await clock.advance(0);
    clock.jumpTo(199.5); // the event loop was blocked
    await clock.advance(0);
    expect(await answer).toBe(error);
    expect(at).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('cancellation', () => {
  it('in a pause is immediate, leaves no timer and no listener, and refunds the retry', async () => {
    const budget = new RetryBudget({ minRetries: 1, share: 0, clock: new VirtualClock() });
    const { clock, retrying } = setup({ budget });
    const controller = new AbortController();
    const { fn, at } = failing(clock, new Error('down'));
    const answer = retrying.execute(fn, { signal: controller.signal, deadline: 10_000 }).catch((e) => e);
    await clock.advance(50);
    expect(retrying.stats().paused).toBe(1);
    expect(budget.stats().available).toBe(0);
    controller.abort('enough');
    expect(await answer).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(clock.now()).toBe(50);
    expect(clock.pendingTimers).toBe(0);
    expect(at).toHaveLength(1);
    expect(retrying.stats()).toMatchObject({ paused: 0, active: 0, abandoned: 1 });
    expect(budget.stats()).toMatchObject({ available: 1, retries: 1, refunded: 1 });
  });

  it('in the turn in which the pause ends is in time', async () => {
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

  it('before the call rejects without an attempt', async () => {
    const { clock, retrying } = setup();
    const { fn, at } = failing(clock);
    await expect(retrying.execute(fn, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(at).toEqual([]);
  });

  it('in an attempt lets the error of the function through and begins no other', async () => {
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

  it('works through onDone where there is one', async () => {
    const { clock, retrying } = setup();
    let end = (_: unknown): void => {};
    let removed = 0;
    const ctx: CallContext = {
      onDone: (listener) => {
        end = listener;
        return () => removed++;
      },
      doneReason: undefined,
    };
    const { fn } = failing(clock, new Error('down'));
    const answer = retrying.execute(fn, ctx).catch((e) => e);
    await clock.advance(10);
    end('gone');
    expect(isRejected(await answer, 'CANCELLED')).toBe(true);
    expect(removed).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });
});
