import { AsyncLocalStorage } from 'node:async_hooks';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { TurnQueue } from '../src/gates/load/turn-queue.ts';

/** Handlers that compute for some milliseconds, which on a virtual clock is a jump. */
function queue() {
  const clock = new VirtualClock();
  const turns = new TurnQueue(clock);
  const started: number[] = [];
  const handler = (id: number, ms: number) => (): void => {
    started.push(id);
    clock.jumpTo(clock.now() + ms);
  };
  const submit = (id: number, ms: number): void => {
    if (turns.tryStart()) handler(id, ms)();
    else turns.enqueue(handler(id, ms));
  };
  return { clock, turns, started, submit };
}

describe('TurnQueue', () => {
  it('starts handlers at once within the budget of the turn', () => {
    const { turns, started, submit } = queue();
    for (let i = 0; i < 100; i++) submit(i, 0);
    expect(started).toHaveLength(100);
    expect([turns.size, turns.estimatedWaitMs()]).toEqual([0, 0]);
  });

  it('waits for the next turn when the budget is spent, and continues in order', async () => {
    const { clock, turns, started, submit } = queue();
    for (let i = 0; i < 10; i++) submit(i, 2);
    expect(started, 'in the first turn: 5 ms').toEqual([0, 1, 2]);
    expect(turns.size).toBe(7);
    await clock.advance(0);
    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(turns.size).toBe(0);
  });

  it('starts no handler before the ones that wait', async () => {
    const { clock, started, submit } = queue();
    for (let i = 0; i < 8; i++) submit(i, 2);
    clock.nextTurn(() => submit(99, 0));
    await clock.advance(0);
    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 99]);
  });

  it('estimates the wait from the rate of starts', async () => {
    const { clock, turns, submit } = queue();
    for (let i = 0; i < 50; i++) submit(i, 2);
    await clock.advance(0);
    for (let i = 0; i < 30; i++) submit(i, 2);
    expect(turns.size).toBeGreaterThan(20);
    expect(turns.estimatedWaitMs() / turns.size, 'ms a start').toBeCloseTo(2, 0);
  });

  it('counts the microtasks of a handler as part of its cost', async () => {
    const clock = new VirtualClock();
    const turns = new TurnQueue(clock);
    const startedAt: number[] = [];
    const handler = async (): Promise<void> => {
      startedAt.push(clock.now());
      await null;
      await null;
      clock.jumpTo(clock.now() + 4);
    };
    for (let i = 0; i < 5; i++) {
      if (turns.tryStart()) void handler();
      else turns.enqueue(() => void handler());
      clock.jumpTo(clock.now() + 4);
    }
    await clock.advance(0);
    expect(new Set(startedAt).size, `started at ${startedAt}`).toBe(5);
  });

  it('starts a handler in the async context of its own request', async () => {
    const { clock, turns } = queue();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    turns.tryStart();
    clock.jumpTo(10);
    for (const id of ['a', 'b']) storage.run(id, () => turns.enqueue(() => seen.push(storage.getStore())));
    await storage.run('another request', () => clock.advance(0));
    expect(seen).toEqual(['a', 'b']);
  });

  it('forgets slow handlers within 2 s without a queue', async () => {
    const { clock, turns, submit } = queue();
    for (let i = 0; i < 5; i++) submit(i, 10_000);
    await clock.advance(0);
    const waitAfter = async (idleMs: number) => {
      await clock.advance(idleMs);
      for (let i = 0; i < 40; i++) turns.enqueue(() => {});
      const waitMs = turns.estimatedWaitMs();
      await clock.advance(0);
      return waitMs;
    };
    expect(await waitAfter(0), 'at once').toBeGreaterThan(100_000);
    for (let i = 0; i < 5; i++) submit(i, 10_000);
    await clock.advance(0);
    expect(await waitAfter(2000), 'after 2 s').toBe(0);
  });

  it('keeps the estimate while its last handler computes, however long', async () => {
    const { clock, turns, submit } = queue();
    for (let i = 0; i < 5; i++) submit(i, 10_000);
    await clock.advance(0);
    turns.enqueue(() => {});
    expect(turns.estimatedWaitMs()).toBeCloseTo(10_000, -1);
    await clock.advance(0);
  });

  it('continues after fake timers have replaced queueMicrotask', async () => {
    const { clock, started, submit } = queue();
    for (let i = 0; i < 6; i++) submit(i, 4);
    vi.useFakeTimers({ toFake: ['queueMicrotask'] });
    await clock.advance(0);
    vi.useRealTimers();
    await clock.advance(0);
    expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is bounded', () => {
    const { clock, turns } = queue();
    turns.tryStart();
    clock.jumpTo(10);
    for (let i = 0; i < 10_000; i++) turns.enqueue(() => {});
    expect(turns.isFull).toBe(true);
  });

  it('continues when a handler throws', async () => {
    const { clock, turns, started, submit } = queue();
    turns.tryStart();
    clock.jumpTo(10);
    turns.enqueue(() => {
      throw new Error('broken');
    });
    submit(1, 0);
    await expect(clock.advance(0)).rejects.toThrow('broken');
    await clock.advance(0);
    expect(started).toEqual([1]);
  });
});
