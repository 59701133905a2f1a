import type { CallContext } from '@bp/core';
import { settle, VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

describe('calls that enter the queue', () => {
  it('grants permits to all queued calls although fake timers replace queueMicrotask', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 3, maxQueue: 5, clock: new VirtualClock() });
    limiter.setLimit(0);
    vi.useFakeTimers({ toFake: ['queueMicrotask'] });
    try {
      const calls = Promise.all(['a', 'b', 'c'].map((name) => limiter.execute(() => name)));
      limiter.setLimit(3);
      await settle();
      expect(limiter.stats()).toMatchObject({ active: 0, queued: 0, admitted: 3 });
      await expect(calls).resolves.toEqual(['a', 'b', 'c']);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each<[keyof CallContext, number | undefined]>([
    ['derive', 100],
    ['onDone', 100],
    ['onDone', undefined],
  ])(
    'does not count a call that could not enter because %s of its context threw, with maxWaitMs %s',
    async (name, maxWaitMs) => {
      const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, maxWaitMs });
      const held = await limiter.acquire();
      const fail = (): never => {
        throw new Error('of the context');
      };
      let drained = false;
      void limiter.drain().then(() => {
        drained = true;
      });
      await expect(limiter.acquire({ [name]: fail })).rejects.toThrow('of the context');
      held.release();
      await settle();
      expect(drained).toBe(true);
      expect(limiter.tryAcquire(), 'no call is left in the queue').toBeDefined();
    },
  );
});
