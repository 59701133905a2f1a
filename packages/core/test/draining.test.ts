import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { DrainOptions } from '../src/index.ts';
import { Draining } from '../src/kit/index.ts';
import { settle, VirtualClock } from '../src/testing/index.ts';

/** A primitive that is busy until `finish()`. */
function primitive() {
  const clock = new VirtualClock();
  const log: string[] = [];
  let idle = false;
  const onLeft = (): number => log.push('left');
  const draining = new Draining({ clock, name: 'pool', isIdle: () => idle, onLeft });
  const drain = (name: string, options?: DrainOptions): void =>
    void draining.drain(options).then(
      () => log.push(`${name} at ${clock.now()}`),
      ({ code, rejectedBy }) => log.push(`${name}: ${rejectedBy} ${code} at ${clock.now()}`),
    );
  const setIdle = (value: boolean): void => {
    idle = value;
    draining.settleIfIdle();
  };
  return { clock, log, draining, drain, setIdle };
}

describe('Draining', () => {
  it('resolves at once if the primitive is idle', async () => {
    const { clock, log, drain, setIdle } = primitive();
    setIdle(true);
    drain('a', { withinMs: 0 });
    await settle();
    expect(log).toEqual(['a at 0']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('resolves all callers when the primitive becomes idle, and keeps the process alive until then', async () => {
    const { clock, log, draining, drain, setIdle } = primitive();
    drain('a');
    drain('b', { withinMs: 100 });
    await clock.advance(40);
    expect([log.length, draining.size]).toEqual([0, 2]);
    expect(clock.pendingTimers, 'one for the process, one for the deadline').toBe(2);
    setIdle(true);
    await settle();
    expect(log).toEqual(['a at 40', 'b at 40']);
    expect(clock.pendingTimers).toBe(0);
    setIdle(false);
    drain('c');
    await settle();
    expect(draining.size, 'it can be drained again').toBe(1);
  });

  it('rejects exactly when the time is up or the signal is aborted, and leaves nothing behind', async () => {
    const { clock, log, drain } = primitive();
    const caller = new AbortController();
    drain('late', { withinMs: 50 });
    drain('cancelled', { signal: caller.signal });
    await clock.advance(49.9);
    expect(log).toEqual([]);
    await clock.advance(0.1);
    caller.abort();
    await settle();
    expect(log).toEqual([
      'left',
      'late: pool DEADLINE_EXCEEDED at 50',
      'left',
      'cancelled: pool CANCELLED at 50',
    ]);
    expect(clock.pendingTimers).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  it('rejects at once with withinMs 0 or an aborted signal', async () => {
    const { log, drain } = primitive();
    drain('late', { withinMs: 0 });
    drain('cancelled', { signal: AbortSignal.abort() });
    await settle();
    expect(log).toEqual(['late: pool DEADLINE_EXCEEDED at 0', 'cancelled: pool CANCELLED at 0']);
  });

  it('rejects wrong options', async () => {
    const { draining } = primitive();
    await expect(draining.drain({ withinMs: -1 })).rejects.toThrow(RangeError);
    await expect(draining.drain({ withinMs: Date.now() })).rejects.toThrow(
      'withinMs must be a number of at least 0',
    );
    await expect(draining.drain({ timeoutMs: 5 } as DrainOptions)).rejects.toThrow(
      'unknown option timeoutMs',
    );
    expect(draining.size).toBe(0);
  });
});
