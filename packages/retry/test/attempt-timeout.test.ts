import type { CallContext } from '@bp/core';
import { deriveContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { Retry } from '../src/index.ts';

describe('attemptTimeoutMs', () => {
  const setup = (): { clock: VirtualClock; retrying: Retry } => {
    const clock = new VirtualClock();
    const options = { attemptTimeoutMs: 100, backoffMs: 10, random: () => 1, clock };
    return { clock, retrying: new Retry(options) };
  };

  it('ends an attempt that hangs, aborts its signal, and makes another', async () => {
    const { clock, retrying } = setup();
    const contexts: CallContext[] = [];
    const signals: (AbortSignal | undefined)[] = [];
    const answer = retrying.execute(
      (ctx, attempt) => {
        contexts.push(ctx);
        signals.push(ctx.signal);
        return attempt === 1 ? new Promise<string>(() => {}) : 'done';
      },
      { priority: 5, cost: 2 },
    );
    await clock.advance(99);
    expect(contexts[0]).toMatchObject({ deadline: 100, priority: 5, cost: 2 });
    expect(contexts[0]?.signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(contexts[0]?.signal?.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED', workBegan: true });
    await clock.advance(10);
    expect(await answer).toBe('done');
    expect(contexts[1]?.deadline).toBe(210);
    expect(signals[1]?.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects with DEADLINE_EXCEEDED when the last attempt hangs too', async () => {
    const { clock, retrying } = setup();
    const answer = retrying.execute(() => new Promise(() => {})).catch((error) => error);
    await clock.advance(100 + 10 + 100 + 20 + 100);
    expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'retry', workBegan: true });
    expect(retrying.stats()).toMatchObject({ attempts: 3, active: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not exceed the deadline of the call', async () => {
    const { clock, retrying } = setup();
    const answer = retrying.execute(() => new Promise(() => {}), { deadline: 60 }).catch((error) => error);
    await clock.advance(60);
    expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(retrying.stats()).toMatchObject({ attempts: 1, outOfTime: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('passes the cancellation of the call on, and leaves nothing on its signal', async () => {
    const { clock, retrying } = setup();
    const controller = new AbortController();
    let inner: CallContext = {};
    const answer = retrying
      .execute(
        (ctx) => {
          inner = ctx;
          return new Promise(() => {});
        },
        { signal: controller.signal },
      )
      .catch((error) => error);
    await clock.advance(10);
    controller.abort('enough');
    await clock.advance(0);
    expect(await answer).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(inner.signal?.reason).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('derives from a context that derives itself, and ends what it derived', async () => {
    const { clock, retrying } = setup();
    const changes: unknown[] = [];
    let ended = 0;
    const ctx: CallContext = {
      derive: (change) => {
        changes.push(change);
        const derived = deriveContext({ key: 'derived' }, { ...change, clock, name: 'own' });
        return Object.assign(derived, {
          end: () => {
            ended++;
          },
        });
      },
    };
    const keys: unknown[] = [];
    const answer = retrying.execute(({ key }, attempt) => {
      keys.push(key);
      if (attempt === 1) throw new Error('again');
    }, ctx);
    await clock.advance(10);
    await answer;
    expect(keys).toEqual(['derived', 'derived']);
    expect(changes).toMatchObject([
      { deadline: 100, timeLimitMs: 100 },
      { deadline: 110, timeLimitMs: 100 },
    ]);
    expect(ended).toBe(2);
  });

  it('keeps every field of the context, and names its limit for a circuit breaker', async () => {
    const { retrying } = setup();
    const ctx = { key: 'client-1', priority: 5, cost: 2, deadline: 10_000, tenant: 'a' };
    await retrying.execute((given) => {
      expect(given).toMatchObject({ ...ctx, deadline: 100, timeLimitMs: 100 });
    }, ctx);
  });
});
