import { describe, expect, it } from 'vitest';
import { systemClock } from '../src/index.ts';
import { LoopBudget, loopBudgetOf } from '../src/kit/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

describe('LoopBudget', () => {
  it('allows the first start of a turn and more until the budget is spent', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    expect(budget.allows(0)).toBe(true);
    expect(budget.allows(4.9)).toBe(true);
    expect(budget.allows(5)).toBe(false);
    clock.advanceSync(0);
    expect(budget.allows(100)).toBe(true);
  });

  it('resumes in the next turn, first come first served, and never starves anyone', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const ran: string[] = [];
    // Each job takes 4 ms of the loop, so two start in a turn of 5 ms.
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

  it('does not run what was asked for in the same turn', () => {
    const clock = new VirtualClock();
    const budget = loopBudgetOf(clock);
    let turns = 0;
    const again = (): void => {
      turns++;
      budget.whenNextTurn(again);
    };
    budget.whenNextTurn(again);
    clock.advanceSync(0);
    expect(turns).toBe(1);
  });

  it('loses nobody behind one that throws', () => {
    const clock = new VirtualClock();
    const budget = new LoopBudget(clock, 5);
    const ran: string[] = [];
    budget.whenNextTurn(() => {
      budget.whenNextTurn(() => ran.push('asked later'));
      throw new Error('of a job');
    });
    budget.whenNextTurn(() => ran.push('behind it'));
    expect(() => clock.advanceSync(0)).toThrow('of a job');
    clock.advanceSync(0);
    expect(ran).toEqual(['behind it', 'asked later']);
  });

  it('costs nothing while nobody starts anything', () => {
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
    expect(turns, 'one look at the loop, however much is started').toBe(1);
    for (let i = 0; i < 10; i++) clock.advanceSync(0);
    expect(turns, 'and none when it is done').toBe(1);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('is not of %d ms', (budgetMs) => {
    expect(() => new LoopBudget(new VirtualClock(), budgetMs)).toThrow(
      'budgetMs must be a finite number above 0',
    );
  });

  it('looks at the clock less often while starts are short, and at once when they are not, or the turn is new', () => {
    const clock = new VirtualClock();
    let looks = 0;
    const now = clock.now.bind(clock);
    clock.now = () => {
      looks++;
      return now();
    };
    const budget = new LoopBudget(clock, 5);
    const start = (ms: number): boolean => {
      const allowed = budget.allows(budget.look());
      if (allowed) clock.jumpTo(now() + ms);
      return allowed;
    };
    for (let i = 0; i < 80; i++) expect(start(0.001)).toBe(true);
    expect(looks).toBeLessThan(20);

    let long = 0;
    while (start(2)) long++;
    expect(long, 'at most seven go by unseen').toBeLessThanOrEqual(3 + 7);
    for (let turn = 0; turn < 5; turn++) {
      clock.advanceSync(0);
      long = 0;
      while (start(2)) long++;
      expect(long).toBe(3);
    }
    clock.advanceSync(0);
    clock.jumpTo(10_000);
    expect(budget.look()).toBe(10_000);
  });

  it('is shared by everything on a clock', () => {
    const clock = new VirtualClock();
    expect(loopBudgetOf(clock)).toBe(loopBudgetOf(clock));
    expect(loopBudgetOf(clock)).not.toBe(loopBudgetOf(systemClock));
  });

  it('lets arrivals in between on the real loop', async () => {
    const budget = new LoopBudget(systemClock, 0.001);
    const order: string[] = [];
    systemClock.nextTurn(() => order.push('arrival'));
    await new Promise<void>((resolve) => {
      expect(budget.allows(systemClock.now())).toBe(true);
      budget.whenNextTurn(() => {
        order.push('resumed');
        resolve();
      });
    });
    expect(order).toEqual(['arrival', 'resumed']);
  });
});
