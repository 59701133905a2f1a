import type { CallContext } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { Retry } from '../src/index.ts';

describe('attemptTimeoutMs', () => {
  const setup = (): { clock: VirtualClock; retrying: Retry } => {
    const clock = new VirtualClock();
    const options = { attemptTimeoutMs: 100, backoffMs: 10, random: () => 1, clock };
    return { clock, retrying: new Retry(options) };
  };

  it('gives up a try that hangs, tells it so, and makes another', async () => {
    const { clock, retrying } = setup();
    const contexts: CallContext[] = [];
    const answer = retrying.execute(
      (ctx, attempt) => {
        contexts.push(ctx);
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
    expect(contexts[1]?.signal?.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects with DEADLINE_EXCEEDED when the last try hangs too', async () => {
    const { clock, retrying } = setup();
    const answer = retrying.execute(() => new Promise(() => {})).catch((error) => error);
    await clock.advance(100 + 10 + 100 + 20 + 100);
    expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED', limiter: 'retry', workBegan: true });
    expect(retrying.stats()).toMatchObject({ tries: 3, active: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not outlast the deadline of the call', async () => {
    const { clock, retrying } = setup();
    const answer = retrying.execute(() => new Promise(() => {}), { deadline: 60 }).catch((error) => error);
    await clock.advance(60);
    expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(retrying.stats()).toMatchObject({ tries: 1, outOfTime: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('hands the cancellation of the call on, and leaves nothing on its signal', async () => {
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
    expect(await answer).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(inner.signal?.reason).toBe('enough');
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes a child of a context that can have children, and ends it', async () => {
    const { clock, retrying } = setup();
    let ended = 0;
    const child = { name: 'child', end: () => ended++ };
    const parent = {
      name: 'parent',
      priority: 1,
      child: ({ timeoutMs }: { timeoutMs: number }) => ({ ...child, timeoutMs }),
    };
    const seen: unknown[] = [];
    const answer = retrying.execute((ctx, attempt) => {
      seen.push([ctx.name, ctx]);
      if (attempt === 1) throw new Error('again');
    }, parent);
    await clock.advance(10);
    await answer;
    expect(seen).toHaveLength(2);
    expect(seen[0]).toMatchObject(['child', { timeoutMs: 100 }]);
    expect(ended).toBe(2);
  });
});
