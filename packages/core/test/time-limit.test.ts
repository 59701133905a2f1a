import type { CallContext, ContextChanges } from '@bp/core';
import { deriveContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';

const build = (timeoutMs?: number) => ({ clock: new VirtualClock(1000), name: 'test', timeoutMs });

describe('the time limit of a derived context', () => {
  it('bounds the deadline and is kept by further derivations', () => {
    const ctx = deriveContext({ key: 'a' }, build(500));
    expect(ctx).toMatchObject({ key: 'a', deadline: 1500, timeLimitMs: 500 });
    expect(deriveContext(ctx, build())).toMatchObject({ deadline: 1500, timeLimitMs: 500 });
    expect(ctx.derive?.({})).toMatchObject({ key: 'a', deadline: 1500, timeLimitMs: 500 });
  });

  it('is the limit of this process even where the caller has less time', () => {
    const ctx = deriveContext({ deadline: 1060 }, build(500));
    expect(ctx).toMatchObject({ deadline: 1060, timeLimitMs: 500 });
  });

  it('is the smallest of several limits', () => {
    for (const [outer, inner] of [
      [500, 200],
      [200, 500],
    ]) {
      const ctx = deriveContext(deriveContext(undefined, build(outer)), build(inner));
      expect(ctx.timeLimitMs).toBe(200);
    }
  });

  it('is absent without a timeout', () => {
    expect(deriveContext({ deadline: 2000 }, build()).timeLimitMs).toBeUndefined();
    expect(deriveContext(undefined, build(Number.POSITIVE_INFINITY)).timeLimitMs).toBeUndefined();
  });

  it('reaches a context that derives itself', () => {
    const seen: ContextChanges[] = [];
    const ctx: CallContext = {
      derive: (changes) => {
        seen.push(changes);
        return deriveContext({}, build());
      },
    };
    deriveContext(ctx, { ...build(500), deadline: 1200 });
    expect(seen).toEqual([{ deadline: 1200, timeLimitMs: 500, name: 'test', signal: undefined }]);
  });
});
