import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../src/index.ts';

const WORKERS = 2;
const MAX_QUEUE = 3;

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      ms: fc.integer({ min: 0, max: 40 }),
      how: fc.constantFrom('works', 'throws', 'rejects'),
      method: fc.constantFrom('submit' as const, 'trySubmit' as const, 'execute' as const),
      priority: fc.integer({ min: 0, max: 2 }),
      timeoutMs: fc.option(fc.integer({ min: 0, max: 60 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('consume' as const), items: fc.integer({ min: 0, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(9) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'start' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Submission = Extract<Step, { readonly do: 'submit' }>;

/** A job with what has become of it. */
class Job {
  readonly deadline: number | undefined;
  readonly controller = new AbortController();
  began = 0;
  ended = 0;
  readonly settled: string[] = [];

  constructor(deadline?: number) {
    this.deadline = deadline;
  }
}

/** A pool in use, whose jobs check the invariants when they start. */
class Scene {
  readonly clock = new VirtualClock();
  readonly pool = new WorkerPool({ workers: WORKERS, maxQueue: MAX_QUEUE, clock: this.clock });
  readonly jobs: Job[] = [];
  readonly consumed: Promise<unknown>[] = [];
  running = 0;

  submit({ timeoutMs, priority, how, ms, method }: Submission): void {
    const job = new Job(timeoutMs === null ? undefined : this.clock.now() + timeoutMs);
    const ctx = { deadline: job.deadline, priority, signal: job.controller.signal };
    const run = (given: unknown): Promise<void> => {
      expect(given).toBe(ctx);
      return this.#work(job, ms, how);
    };
    const promise = this.pool[method as 'trySubmit'](run, ctx);
    if (promise === undefined) {
      expect(job.began).toBe(0);
      return;
    }
    this.jobs.push(job);
    promise.then(
      () => job.settled.push('done'),
      (error: Error) => job.settled.push(isRejected(error) ? error.code : error.message),
    );
  }

  consume(items: number): void {
    const source = Array.from({ length: items }, () => new Job());
    const consumed = this.pool.consume(source, (job) => this.#work(job, 5, 'works'));
    this.consumed.push(
      consumed.catch((error: unknown) => expect(isRejected(error, 'SHUTTING_DOWN')).toBe(true)),
    );
  }

  check(): void {
    const { active, queued, admitted, completed, failed } = this.pool.stats();
    expect(active, `at ${this.clock.now()}`).toBe(this.running);
    expect(admitted - completed - failed).toBe(this.running);
    expect(queued).toBeLessThanOrEqual(MAX_QUEUE);
  }

  #work(job: Job, ms: number, how: string): Promise<void> {
    job.began++;
    expect(job.settled, 'settled before it began').toEqual([]);
    expect(job.controller.signal.aborted, 'cancelled, and started').toBe(false);
    if (job.deadline !== undefined) expect(this.clock.now()).toBeLessThan(job.deadline);
    if (how === 'throws') {
      job.ended++;
      throw new Error('own');
    }
    expect(++this.running, 'more than the workers').toBeLessThanOrEqual(WORKERS);
    return new Promise<void>((resolve) => void this.clock.setTimer(resolve, ms)).then(() => {
      this.running--;
      job.ended++;
      if (how === 'rejects') throw new Error('own');
    });
  }
}

describe('a pool under any interleaving', () => {
  it('settles every promise once, runs every job at most once and within the limit, and counts all of them', async () => {
    const plan = fc.record({
      steps: fc.array(step, { maxLength: 50 }),
      graceMs: fc.option(fc.integer({ min: 0, max: 60 })),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, graceMs }) => {
        const scene = new Scene();
        const { clock, pool, jobs } = scene;
        for (const now of steps) {
          if (now.do === 'submit') scene.submit(now);
          if (now.do === 'consume') scene.consume(now.items);
          if (now.do === 'cancel') jobs.at(-now.which)?.controller.abort();
          if (now.do === 'stop') pool.stop();
          if (now.do === 'start') pool.start();
          if (now.do !== 'advance') continue;
          await clock.advance(now.ms);
          scene.check();
        }

        const closed = pool.close({ withinMs: graceMs ?? undefined });
        await clock.advance(graceMs ?? 1000);
        await closed;
        await clock.advance(0);
        for (const { settled } of jobs) expect(settled, 'every promise settles once').toHaveLength(1);
        await Promise.all(scene.consumed);
        await Promise.all([pool.drain(), clock.advance(1000)]);
        for (const { began, ended, settled } of jobs) {
          expect(began, 'ran twice').toBeLessThanOrEqual(1);
          expect(ended).toBe(began);
          if (began === 0) expect(['done', 'own']).not.toContain(settled[0]);
        }
        scene.check();
        expect(pool.stats()).toMatchObject({ active: 0, queued: 0 });
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
