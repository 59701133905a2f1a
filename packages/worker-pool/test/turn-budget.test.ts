import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../src/index.ts';

const BUDGET_MS = 5;
const JOB_MS = 10;

function setup(count: number, workers: number) {
  const clock = new VirtualClock();
  const pools = Array.from({ length: count }, () => new WorkerPool({ workers, maxQueue: 200, clock }));
  const state = { longestTurnMs: 0, done: 0, turns: 0 };
  const compute = (): void => {
    clock.jumpTo(clock.now() + JOB_MS);
    state.done++;
  };
  /** Runs `start` in a turn of its own, then turns until `total` jobs are done. */
  const run = async (total: number, start: () => unknown): Promise<void> => {
    let turnStart = clock.now();
    const tick = (): void => {
      state.turns++;
      state.longestTurnMs = Math.max(state.longestTurnMs, clock.now() - turnStart);
      turnStart = clock.now();
      if (state.done < total && state.turns < 10_000) clock.nextTurn(tick);
    };
    clock.nextTurn(tick);
    start();
    await clock.advance(0);
    tick();
    expect(state.done).toBe(total);
  };
  return { pools, state, compute, run };
}

describe('twenty pools on one event loop', () => {
  it.each([1, 4])(
    'with 80 jobs of 10 ms and %d workers each keep every turn within the budget and one job',
    async (workers) => {
      const { pools, state, compute, run } = setup(20, workers);
      await run(20 * 80, () => {
        for (const pool of pools) for (let i = 0; i < 80; i++) void pool.submit(compute);
      });
      expect(state.longestTurnMs).toBeGreaterThanOrEqual(JOB_MS);
      expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
    },
  );

  it('do so for the items of consume()', async () => {
    const { pools, state, compute, run } = setup(20, 4);
    await run(20 * 40, () => {
      const items = Array.from({ length: 40 }, (_, i) => i);
      for (const pool of pools) void pool.consume(items, compute);
    });
    expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
  });

  it('do so when they are started together', async () => {
    const { pools, state, compute, run } = setup(20, 4);
    for (const pool of pools) pool.stop();
    for (const pool of pools) for (let i = 0; i < 20; i++) void pool.submit(compute);
    await run(20 * 20, () => {
      for (const pool of pools) pool.start();
    });
    expect(state.longestTurnMs).toBeLessThanOrEqual(BUDGET_MS + JOB_MS);
  });
});
