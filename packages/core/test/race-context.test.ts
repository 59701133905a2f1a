import { describe, expect, it, vi } from 'vitest';
import { type DerivedContext, RejectedError } from '../src/index.ts';
import { deriveContext, raceContext, watchContext } from '../src/kit/index.ts';
import { settle, VirtualClock } from '../src/testing/index.ts';

function setUp(timeoutMs = 50) {
  const clock = new VirtualClock();
  const options = { deadline: timeoutMs, clock, name: 'attempt' };
  return { clock, options, ctx: deriveContext({}, options) };
}

/** The outcome of a call, for tests that advance the clock before they await it. */
const outcome = (call: Promise<unknown>): Promise<PromiseSettledResult<unknown>> =>
  Promise.allSettled([call]).then(([result]) => result as PromiseSettledResult<unknown>);

describe('raceContext', () => {
  it('settles with the work, untouched', async () => {
    const { ctx, options } = setUp();
    const result = {};
    await expect(raceContext(ctx, options, () => result)).resolves.toBe(result);
    const own = new Error('own');
    await expect(raceContext(ctx, options, () => Promise.reject(own))).rejects.toBe(own);
    const throwing = (): never => {
      throw own;
    };
    await expect(raceContext(ctx, options, throwing)).rejects.toBe(own);
  });

  it('rejects with the error that ended the context', async () => {
    const { clock, ctx, options } = setUp();
    const call = outcome(raceContext(ctx, options, () => new Promise(() => {})));
    await clock.advance(50);
    expect(await call).toEqual({ status: 'rejected', reason: ctx.doneReason });
    expect(ctx.doneReason).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'attempt',
      workBegan: true,
    });
  });

  it('does not start work if the context is over', async () => {
    const { clock, ctx, options } = setUp();
    await clock.advance(50);
    const work = vi.fn();
    await expect(raceContext(ctx, options, work)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      rejectedBy: 'attempt',
      workBegan: false,
    });
    expect(work).not.toHaveBeenCalled();
  });

  it('prefers the rejection of a primitive in which the work still waits', async () => {
    const { clock, ctx, options } = setUp();
    const waiting = new Promise((_, reject) => watchContext(ctx, clock, 'database', reject));
    const call = outcome(raceContext(ctx, options, async () => await waiting));
    await clock.advance(50);
    expect(await call).toMatchObject({ reason: { rejectedBy: 'database', workBegan: false } });
  });

  it.each<[string, () => unknown]>([
    ['returns', () => 'late'],
    ['throws an error of its own', () => Promise.reject(new Error('aborted'))],
  ])('rejects with the end of the context though the work then %s', async (_name, react) => {
    const { clock, ctx, options } = setUp();
    const call = outcome(
      raceContext(ctx, options, async () => {
        await new Promise((resolve) => ctx.onDone(resolve));
        return react();
      }),
    );
    await clock.advance(50);
    expect(await call).toEqual({ status: 'rejected', reason: ctx.doneReason });
  });

  it('discards a result that comes too late, and only such a one', async () => {
    const { clock, ctx, options } = setUp();
    const discarded: unknown[] = [];
    const discard = (late: unknown): number => discarded.push(late);
    await raceContext(ctx, options, () => 'in time', discard);
    const slow = new Promise<string>((resolve) => clock.setTimer(() => resolve('late'), 80));
    const call = outcome(raceContext(ctx, options, () => slow, discard));
    await clock.advance(79);
    expect(discarded).toEqual([]);
    await clock.advance(1);
    expect(discarded).toEqual(['late']);
    expect((await call).status).toBe('rejected');
  });

  it('makes a rejection of a reason that is none', async () => {
    const { options } = setUp();
    let end: (reason: unknown) => void = () => {};
    const theirs: DerivedContext = {
      signal: new AbortController().signal,
      onDone: (listener) => {
        end = listener;
        return () => {};
      },
      end: () => {},
    };
    const call = outcome(raceContext(theirs, options, () => new Promise(() => {})));
    end('gone');
    await options.clock.advance(0);
    expect(await call).toMatchObject({
      reason: { code: 'CANCELLED', rejectedBy: 'attempt', workBegan: true, cause: 'gone' },
    });
  });

  it('leaves no listener when the work has ended', async () => {
    const { clock, ctx, options } = setUp();
    const unhandled: unknown[] = [];
    for (let i = 0; i < 3; i++) await raceContext(ctx, options, () => i);
    ctx.onDone((reason) => unhandled.push(reason));
    await clock.advance(50);
    await settle();
    expect(unhandled).toHaveLength(1);
    expect(unhandled[0]).toBeInstanceOf(RejectedError);
  });
});
