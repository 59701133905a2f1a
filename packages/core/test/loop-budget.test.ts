import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../src/index.ts';
import { LoopBudget, loopBudgetOf } from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

/** A primitive that starts jobs as a promise does: each in a microtask, and the next one in a microtask after it. */
function startJobs(budget: LoopBudget, jobs: (() => void)[]): void {
  const startNext = (): void => {
    const [job] = jobs;
    if (job === undefined) return;
    if (!budget.allows(budget.look())) {
      budget.whenNextTurn(() => queueMicrotask(startNext));
      return;
    }
    jobs.shift();
    job();
    queueMicrotask(startNext);
  };
  queueMicrotask(startNext);
}

/** A clock that measures how long its turns are. */
function measuredClock(): { clock: VirtualClock; turnsMs: number[]; work: (ms: number) => void } {
  const clock = new VirtualClock();
  const turnsMs: number[] = [0];
  const nextTurn = clock.nextTurn.bind(clock);
  clock.nextTurn = (callback) =>
    nextTurn(() => {
      turnsMs.push(0);
      callback();
    });
  const work = (ms: number): void => {
    clock.jumpTo(clock.now() + ms);
    turnsMs[turnsMs.length - 1] = (turnsMs.at(-1) ?? 0) + ms;
  };
  return { clock, turnsMs, work };
}

describe('LoopBudget', () => {
  it('allows the first start of a turn, and later ones until the budget is spent', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    expect(budget.allows(0)).toBe(true);
    expect(budget.allows(4.9)).toBe(true);
    expect(budget.allows(5)).toBe(false);
    clock.advanceSync(0);
    expect(budget.allows(100)).toBe(true);
  });

  it('keeps every turn of twenty primitives with 80 jobs of 10 ms within the budget and one job', async () => {
    const { clock, turnsMs, work } = measuredClock();
    const budget = new LoopBudget(clock, 5);
    const started = Array.from({ length: 20 }, () => 0);
    for (let primitive = 0; primitive < 20; primitive++) {
      const job = (): void => {
        started[primitive] = (started[primitive] ?? 0) + 1;
        work(10);
      };
      startJobs(
        budget,
        Array.from({ length: 80 }, () => job),
      );
    }
    await clock.advance(0);
    expect(Math.max(...turnsMs)).toBeLessThanOrEqual(15);
    expect(started, 'every job was started').toEqual(Array.from({ length: 20 }, () => 80));
    expect(turnsMs.length, 'no turn was wasted').toBeLessThanOrEqual(20 * 80 + 20);
  });

  it('keeps every turn within the budget and the longest job, whatever the jobs take', async () => {
    const job = fc.oneof(fc.double({ min: 0, max: 0.02, noNaN: true }), fc.integer({ min: 1, max: 30 }));
    const primitives = fc.array(fc.array(job, { maxLength: 20 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(primitives, async (durations) => {
        const { clock, turnsMs, work } = measuredClock();
        const budget = new LoopBudget(clock, 5);
        const left = new Set(durations.flatMap((jobs, p) => jobs.map((_, i) => `${p}/${i}`)));
        durations.forEach((jobs, p) => {
          startJobs(
            budget,
            jobs.map((ms, i) => () => {
              left.delete(`${p}/${i}`);
              work(ms);
            }),
          );
        });
        await clock.advance(0);
        const bound = budget.budgetMs + Math.max(0, ...durations.flat());
        expect(Math.max(...turnsMs)).toBeLessThanOrEqual(bound + 1e-6);
        expect([...left]).toEqual([]);
      }),
    );
  });

  it('allows one start at a time where work begins in a microtask, and more in the same turn if time is left', async () => {
    for (const jobMs of [1, 10]) {
      const { clock, turnsMs, work } = measuredClock();
      const budget = new LoopBudget(clock, 5);
      let started = 0;
      const startJob = (): void => {
        if (!budget.allowsSoon(clock.now())) {
          budget.whenNextTurn(startJob);
          return;
        }
        // The reaction of a caller to a promise that is resolved by now.
        void Promise.resolve().then(() => {
          started++;
          work(jobMs);
        });
      };
      for (let i = 0; i < 20; i++) startJob();
      expect(budget.allows(clock.now()), 'a start is pending').toBe(false);
      await clock.advance(0);
      expect(started).toBe(20);
      expect(Math.max(...turnsMs)).toBeLessThanOrEqual(5 + jobMs);
      expect(turnsMs.filter((ms) => ms > 0).length, 'turns').toBeLessThanOrEqual(jobMs === 1 ? 5 : 20);
    }
  });

  it('notices heavy starts that follow short ones', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const start = (ms: number): boolean => {
      const allowed = budget.allows(budget.look());
      if (allowed) clock.jumpTo(clock.now() + ms);
      return allowed;
    };
    for (let i = 0; i < 8; i++) expect(start(0.001)).toBe(true);
    let heavy = 0;
    while (start(21)) heavy++;
    expect(heavy).toBe(1);
  });

  it('reads the clock once for each look', () => {
    const clock = new VirtualClock(7);
    let reads = 0;
    const now = clock.now.bind(clock);
    clock.now = () => {
      reads++;
      return now();
    };
    const budget = new LoopBudget(clock, 5);
    for (let i = 0; i < 10; i++) expect(budget.allows(budget.look())).toBe(true);
    expect(reads).toBe(10);
  });

  it('resumes in later turns, first come first served, and starves no callback', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const ran: string[] = [];
    // Each job takes 4 ms of the loop, so that two start in a turn of 5 ms.
    const greedy = (name: string) => (): void => {
      while (budget.allows(clock.now())) {
        ran.push(name);
        clock.jumpTo(clock.now() + 4);
      }
      budget.whenNextTurn(greedy(name));
    };
    for (const name of ['a', 'b', 'c']) budget.whenNextTurn(greedy(name));
    for (let turn = 0; turn < 6; turn++) clock.advanceSync(0);
    expect(ran.join('')).toBe('aabbccaabbcc');
  });

  it('resumes a callback with the whole budget, though it was spent before', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const allowed: boolean[] = [];
    budget.allows(0);
    budget.whenNextTurn(() => {
      clock.jumpTo(100);
      allowed.push(budget.allows(100), budget.allows(104), budget.allows(105));
    });
    clock.advanceSync(0);
    expect(allowed).toEqual([true, true, false]);
  });

  it('does not resume in the turn of the call', () => {
    const clock = new VirtualClock();
    const budget = loopBudgetOf(clock);
    let turns = 0;
    const again = (): void => {
      turns++;
      budget.whenNextTurn(again);
    };
    budget.whenNextTurn(again);
    expect(turns).toBe(0);
    clock.advanceSync(0);
    expect(turns).toBe(1);
  });

  it('resumes the callbacks behind one that throws', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const ran: string[] = [];
    budget.whenNextTurn(() => {
      budget.whenNextTurn(() => ran.push('added later'));
      throw new Error('of a job');
    });
    budget.whenNextTurn(() => ran.push('behind it'));
    expect(() => clock.advanceSync(0)).toThrow('of a job');
    clock.advanceSync(0);
    clock.advanceSync(0);
    expect(ran).toEqual(['behind it', 'added later']);
  });

  it('asks for a turn only while work is started', () => {
    let turns = 0;
    const clock = new VirtualClock();
    const nextTurn = clock.nextTurn.bind(clock);
    clock.nextTurn = (callback) => {
      turns++;
      nextTurn(callback);
    };
    const budget = new LoopBudget(clock);
    expect(budget.budgetMs).toBe(5);
    expect(turns).toBe(0);
    for (let start = 0; start < 100; start++) budget.allows(0);
    expect(turns, 'one for all starts').toBe(1);
    for (let i = 0; i < 10; i++) clock.advanceSync(0);
    expect(turns, 'none when they are done').toBe(1);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('cannot be %d ms', (budgetMs) => {
    expect(() => new LoopBudget(new VirtualClock(), budgetMs)).toThrow(
      'budgetMs must be a finite number above 0',
    );
  });

  it('is shared by all primitives on a clock', () => {
    const clock = new VirtualClock();
    expect(loopBudgetOf(clock)).toBe(loopBudgetOf(clock));
    expect(loopBudgetOf(clock)).not.toBe(loopBudgetOf(systemClock));
  });

  it('lets the real loop read requests in between', async () => {
    const budget = new LoopBudget(systemClock, 0.001);
    const order: string[] = [];
    systemClock.nextTurn(() => order.push('request'));
    await new Promise<void>((resolve) => {
      expect(budget.allows(systemClock.now())).toBe(true);
      budget.whenNextTurn(() => {
        order.push('resumed');
        resolve();
      });
    });
    expect(order).toEqual(['request', 'resumed']);
  });
});
