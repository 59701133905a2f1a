import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { type LoopInterval, LoopMonitor } from '../src/gates/load/loop-monitor.ts';
import { FakeLoop } from './harness.ts';

function monitor() {
  const clock = new VirtualClock(5000);
  const loop = new FakeLoop();
  const intervals: LoopInterval[] = [];
  const watched = new LoopMonitor({
    clock,
    tickMs: 20,
    intervalMs: 100,
    targetLagMs: 20,
    minUtilization: 0.85,
    loopTime: loop.read,
    onInterval: (interval) => intervals.push(interval),
  });
  watched.start();
  /** The loop is busy for `ms` and runs its timers only then. */
  const block = (ms: number): void => {
    loop.active += ms;
    clock.jumpTo(clock.now() + ms);
  };
  const runTimers = (): void => clock.advanceSync(0);
  const idle = (ms: number): void => {
    loop.idle += ms;
    clock.advanceSync(ms);
  };
  return { clock, loop, intervals, watched, block, runTimers, idle };
}

describe('LoopMonitor', () => {
  it('finds no lag in an idle loop', () => {
    const { watched, intervals, idle } = monitor();
    idle(1000);
    expect(intervals).toHaveLength(10);
    expect(intervals.every(({ late }) => !late)).toBe(true);
    expect([watched.lagMs, watched.utilization]).toEqual([0, 0]);
    watched.stop();
  });

  it('takes the least lag of an interval, so that a burst is no overload', () => {
    const { watched, intervals, block, runTimers, idle } = monitor();
    block(70);
    runTimers();
    idle(20);
    idle(20);
    expect(intervals).toHaveLength(1);
    expect(watched.lagMs).toBe(0);
    expect(intervals[0]?.late).toBe(false);
    watched.stop();
  });

  it('finds the loop late when every tick of an interval is', () => {
    const { watched, intervals, block, runTimers } = monitor();
    for (let i = 0; i < 4; i++) {
      block(45);
      runTimers();
    }
    expect(intervals.map(({ late, elapsedMs }) => [late, elapsedMs])).toEqual([[true, 135]]);
    expect(watched.lagMs).toBe(25);
    expect(watched.utilization).toBe(1);
    watched.stop();
  });

  it('takes lag for nothing while the loop was idle: a process that was suspended', () => {
    const { watched, intervals, clock, loop, runTimers } = monitor();
    loop.idle += 60_000;
    clock.jumpTo(clock.now() + 60_000);
    expect(watched.lagNow(clock.now())).toBe(0);
    runTimers();
    expect(intervals).toMatchObject([{ late: false }]);
    expect(watched.lagMs).toBe(59_980);
    watched.stop();
  });

  it('sees the lag of the turn that is running, before any timer could', () => {
    const { watched, clock, block } = monitor();
    block(20);
    expect(watched.lagNow(clock.now())).toBe(0);
    block(55);
    expect(watched.lagNow(clock.now())).toBe(55);
    watched.stop();
    expect(watched.lagNow(clock.now())).toBe(0);
  });

  it('takes utilisation between intervals, not since the start', () => {
    const { watched, block, runTimers, idle } = monitor();
    idle(10_000);
    for (let i = 0; i < 5; i++) {
      block(20);
      runTimers();
    }
    expect(watched.utilization, 'after a busy interval').toBe(1);
    idle(100);
    expect(watched.utilization, 'after an idle interval').toBe(0);
    watched.stop();
  });

  it('leaves no timer behind', () => {
    const { watched, clock } = monitor();
    expect(clock.pendingTimers).toBe(1);
    watched.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
