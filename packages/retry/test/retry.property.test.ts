import { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Retry, RetryBudget } from '../src/index.ts';

/** One attempt of a call: how long it takes, and whether and how it fails. */
interface Fate {
  readonly tookMs: number;
  readonly fails: boolean;
  readonly retryAfterMs: number | undefined;
}

const fate = fc.record<Fate>({
  tookMs: fc.integer({ min: 0, max: 500 }),
  fails: fc.boolean(),
  retryAfterMs: fc.option(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: -100, max: 5000 }) },
      fc.constant(Number.POSITIVE_INFINITY),
    ),
    { nil: undefined },
  ),
});

const share = fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10);
const random = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
const drawFrom = (numbers: Iterator<number>) => (): number => numbers.next().value as number;

describe('under any pattern of failures', () => {
  it('attempts are at most requests * (1 + share) + minRetries, for all that share the budget', async () => {
    const call = fc.record({
      pauseMs: fc.integer({ min: 0, max: 200 }),
      fates: fc.array(fate, { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { minLength: 1, maxLength: 60 }),
        share,
        fc.integer({ min: 0, max: 5 }),
        random,
        async (calls, share, minRetries, numbers) => {
          const clock = new VirtualClock();
          // A window so long that time brings nothing back.
          const budget = new RetryBudget({ share, minRetries, windowMs: 1e12, clock });
          const options = { maxAttempts: 6, maxRetryAfterMs: 5000, budget, clock, random: drawFrom(numbers) };
          const clients = [new Retry(options), new Retry(options)];
          let tries = 0;
          const answers = [];
          for (const [i, { pauseMs, fates }] of calls.entries()) {
            let next = 0;
            const work = (): Promise<void> => {
              const { tookMs = 0, fails = true, retryAfterMs } = fates[next++] ?? {};
              tries++;
              return new Promise((resolve, reject) => {
                const error = Object.assign(
                  new Error('down'),
                  retryAfterMs === undefined ? {} : { retryAfterMs },
                );
                clock.setTimer(() => (fails ? reject(error) : resolve()), tookMs);
              });
            };
            answers.push(clients[i % 2]?.execute(work).catch(() => {}));
            await clock.advance(pauseMs);
          }
          await clock.advance(1e6);
          await Promise.all(answers);
          expect(tries).toBeLessThanOrEqual(calls.length * (1 + share) + minRetries + 1e-6);
          expect(clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('retries in any stretch of time are at most what was saved, the share of its requests and what time earns', () => {
    const step = fc.record({
      pauseMs: fc.integer({ min: 0, max: 300 }),
      requests: fc.nat(5),
      retries: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), share, fc.nat(5), (steps, share, minRetries) => {
        const clock = new VirtualClock();
        const [windowMs, maxSaved] = [1000, 8];
        const budget = new RetryBudget({ share, minRetries, windowMs, maxSaved, clock });
        const credit = { worst: 0, now: 0 };
        for (const { pauseMs, requests, retries } of steps) {
          clock.advanceSync(pauseMs);
          // Retries beyond what was earned, over all stretches at once, as in a leaky bucket.
          credit.now = Math.max(0, credit.now - (pauseMs * minRetries) / windowMs);
          for (let i = 0; i < requests; i++) {
            budget.recordRequest();
            credit.now = Math.max(0, credit.now - share);
          }
          for (let i = 0; i < retries; i++) if (budget.tryAcquire()) credit.now++;
          credit.worst = Math.max(credit.worst, credit.now);
        }
        expect(credit.worst).toBeLessThanOrEqual(maxSaved + 1e-6);
      }),
    );
  });

  it('no attempt begins earlier than was asked for, too late for the deadline, or outside the bounds of the jitter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { minLength: 1, maxLength: 8 }),
        fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
        fc.record({
          backoffMs: fc.integer({ min: 1, max: 1000 }),
          maxBackoffMs: fc.integer({ min: 1000, max: 4000 }),
          minAttemptMs: fc.integer({ min: 1, max: 200 }),
          maxRetryAfterMs: fc.integer({ min: 0, max: 5000 }),
        }),
        random,
        async (fates, deadline, options, numbers) => {
          const clock = new VirtualClock();
          const retrying = new Retry({ ...options, maxAttempts: 8, clock, random: drawFrom(numbers) });
          let ended: { at: number; askedMs: number | undefined } | undefined;
          let tries = 0;
          const work = async (): Promise<void> => {
            const now = clock.now();
            if (deadline !== undefined) expect(deadline - now).toBeGreaterThanOrEqual(options.minAttemptMs);
            if (ended !== undefined) {
              const { at, askedMs = 0 } = ended;
              const limitMs = Math.min(options.maxBackoffMs, options.backoffMs * 2 ** (tries - 1));
              expect(askedMs).toBeLessThanOrEqual(options.maxRetryAfterMs);
              expect(now - at).toBeGreaterThanOrEqual(askedMs - 1e-6);
              expect(now - at).toBeLessThanOrEqual(askedMs + limitMs + 1e-6);
            }
            const { tookMs = 0, fails = false, retryAfterMs } = fates[tries++] ?? {};
            await new Promise<void>((resolve) => clock.setTimer(resolve, tookMs));
            const isKnown = retryAfterMs !== undefined && retryAfterMs >= 0;
            ended = { at: clock.now(), askedMs: isKnown ? retryAfterMs : undefined };
            if (fails) throw new RejectedError('RATE_LIMITED', 'test', { retryAfterMs });
          };
          const failed: unknown[] = [];
          const answer = retrying.execute(work, { deadline }).catch((error) => failed.push(error));
          await clock.advance(1e6);
          await answer;
          // An expectation that failed inside an attempt would only have been retried.
          for (const error of failed) expect(error).toBeInstanceOf(RejectedError);
          expect(clock.pendingTimers).toBe(0);
          expect(retrying.stats()).toMatchObject({ active: 0, paused: 0, attempts: tries });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('the jitter is full: pauses lie evenly between 0 and the limit', async () => {
    const clock = new VirtualClock();
    const numbers = Array.from({ length: 100 }, (_, i) => i / 100);
    const budget = new RetryBudget({ minRetries: 1000, clock });
    const retrying = new Retry({
      maxAttempts: 2,
      backoffMs: 1000,
      clock,
      budget,
      random: () => numbers.shift() ?? 0,
    });
    const waits: number[] = [];
    const answers = Array.from({ length: 100 }, () =>
      retrying.execute((_, attempt) => {
        if (attempt === 1) throw new Error('down');
        waits.push(clock.now());
      }),
    );
    await clock.advance(1000);
    await Promise.all(answers);
    expect(waits).toEqual(Array.from({ length: 100 }, (_, i) => i * 10));
  });
});
