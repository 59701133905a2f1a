import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from '../src/index.ts';

const WORK_MS = 10;

function setup(options: Partial<WorkerPoolOptions>) {
  const clock = new VirtualClock();
  const pool = new WorkerPool({ workers: 1, maxQueue: 100, clock, ...options });
  const started: { key: string; waitedMs: number }[] = [];
  const submit = (key: string): void => {
    const at = clock.now();
    const job = (): Promise<void> => {
      started.push({ key, waitedMs: clock.now() - at });
      return new Promise<void>((resolve) => void clock.setTimer(resolve, WORK_MS));
    };
    pool.submit(job, { key }).catch(() => {});
  };
  return { clock, pool, started, submit };
}

describe('the discipline of the queue', () => {
  it('shares the workers between keys if it is fair', async () => {
    for (const fair of [true, false]) {
      const { clock, started, submit } = setup({ fair });
      for (let i = 0; i < 90; i++) submit('many');
      for (let i = 0; i < 5; i++) submit('few');
      await clock.advance(10 * WORK_MS);
      expect(started.filter(({ key }) => key === 'few').length).toBe(fair ? 5 : 0);
    }
  });

  it('sheds jobs that have waited too long while overloaded, with sojourn', async () => {
    for (const sojourn of [{ targetMs: 20 }, undefined]) {
      const { clock, pool, started, submit } = setup({ sojourn });
      for (let ms = 0; ms < 400; ms += 5) {
        submit('all');
        await clock.advance(5);
      }
      const longest = Math.max(...started.slice(-10).map(({ waitedMs }) => waitedMs));
      if (sojourn === undefined) {
        expect(longest).toBeGreaterThan(150);
        expect(pool.stats().rejected).toBe(0);
      } else {
        expect(longest).toBeLessThanOrEqual(40);
        expect(pool.stats().rejected).toBeGreaterThan(20);
      }
    }
  });

  it('names the option that is wrong', () => {
    expect(() => setup({ fair: 1 as never })).toThrow('fair');
    expect(() => setup({ sojourn: { intervalMs: 0 } })).toThrow('sojourn.intervalMs');
  });
});
