import { isRejected, type RejectionCode } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      cost: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: 0, max: 2 }),
      timeoutMs: fc.option(fc.integer({ min: 1, max: 60 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(30), fail: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(30) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 30 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('limit' as const), limit: fc.integer({ min: 3, max: 6 }) }),
  },
);

interface Call {
  readonly cost: number;
  readonly deadline: number | undefined;
  readonly controller: AbortController;
  state: 'waiting' | 'running' | 'done' | 'failed' | RejectionCode;
  end?: (fail: boolean) => void;
  startedAt?: number;
}

describe('a limiter under any interleaving', () => {
  it('conserves permits, ends every call exactly once and starts nothing that is over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new VirtualClock();
        const limiter = new ConcurrencyLimiter({ limit: 4, maxQueue: 5, clock });
        let limit = 4;
        const calls: Call[] = [];

        const start = (cost: number, priority: number, timeoutMs: number | null): void => {
          const deadline = timeoutMs === null ? undefined : clock.now() + timeoutMs;
          const call: Call = { cost, deadline, controller: new AbortController(), state: 'waiting' };
          calls.push(call);
          const ctx = { cost, priority, deadline, signal: call.controller.signal };
          limiter
            .execute(
              () =>
                new Promise<void>((resolve, reject) => {
                  expect(call.state, 'started twice').toBe('waiting');
                  expect(call.controller.signal.aborted, `cancelled, started at ${clock.now()}`).toBe(false);
                  if (deadline !== undefined) expect(clock.now()).toBeLessThan(deadline);
                  call.state = 'running';
                  call.end = (fail) => (fail ? reject(new Error('of the work')) : resolve());
                }),
              ctx,
            )
            .then(
              () => {
                call.state = 'done';
              },
              (error: unknown) => {
                if (isRejected(error)) expect(call.state, 'rejected after it ran').toBe('waiting');
                call.state = isRejected(error) ? error.code : 'failed';
              },
            );
        };
        const pick = (state: string, index: number): Call | undefined => {
          const found = calls.filter((call) => call.state === state);
          return found[index % Math.max(1, found.length)];
        };
        const check = (): void => {
          const running = calls.filter(({ state }) => state === 'running');
          const active = running.reduce((sum, { cost }) => sum + cost, 0);
          expect(limiter.stats().active, `at ${clock.now()}`).toBe(active);
          expect(limiter.stats().queued).toBe(calls.filter(({ state }) => state === 'waiting').length);
          expect(limiter.stats().queued).toBeLessThanOrEqual(5);
        };

        for (const now of steps) {
          if (now.do === 'call') start(now.cost, now.priority, now.timeoutMs);
          if (now.do === 'finish') pick('running', now.which)?.end?.(now.fail);
          if (now.do === 'cancel') pick('waiting', now.which)?.controller.abort();
          if (now.do === 'limit') {
            limit = now.limit;
            limiter.setLimit(limit);
          }
          const before = limiter.stats().active;
          expect(limiter.stats().active, 'more than the limit').toBeLessThanOrEqual(Math.max(before, limit));
          // Otherwise the next step comes before any promise of this one has settled.
          if (now.do !== 'advance') continue;
          await clock.advance(now.ms);
          check();
        }
        const closed = limiter.close({ withinMs: 10 });
        await clock.advance(10);
        await closed;
        for (const call of calls) call.end?.(false);
        await clock.advance(0);
        expect(calls.filter(({ state }) => state === 'waiting' || state === 'running')).toEqual([]);
        expect(limiter.stats()).toMatchObject({ active: 0, queued: 0 });
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
