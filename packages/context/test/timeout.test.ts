import { compose } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RequestContext, timeout } from '../src/index.ts';

describe('timeout', () => {
  it('answers at the deadline, and tells the work through its context', async () => {
    const clock = new VirtualClock();
    const policy = compose(timeout({ timeoutMs: 50, clock }));
    let aborted: boolean | undefined;
    const call = policy.execute(async (ctx: RequestContext) => {
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      aborted = true;
    }, new RequestContext({ clock }));
    call.catch(() => {});
    await clock.advance(50);
    await expect(call).rejects.toMatchObject({ kind: 'deadline' });
    expect(aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps the earlier deadline, and passes results and errors untouched', async () => {
    const clock = new VirtualClock();
    const policy = timeout({ timeoutMs: 50, clock });
    const ctx = { deadline: 20, priority: 7 };
    await policy.execute((inner) => expect(inner).toMatchObject(ctx), ctx);
    await expect(
      policy.execute(() => {
        throw new Error('own');
      }),
    ).rejects.toThrow('own');
    await clock.advance(30);
    await expect(policy.execute(() => 1, ctx)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      limiter: 'timeout',
    });
    expect(clock.pendingTimers).toBe(0);
  });
});
