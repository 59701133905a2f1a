import { VirtualClock } from '@bp/core/testing';
import { Retry, type RetryOptions } from '../src/index.ts';

/** A retry that pauses for exactly the limit of its backoff: 100 ms, 200 ms, ... */
export function setup(options: RetryOptions = {}): { clock: VirtualClock; retrying: Retry } {
  const clock = new VirtualClock();
  return { clock, retrying: new Retry({ backoffMs: 100, random: () => 1, clock, ...options }) };
}

/** A function that fails with each of `errors` in turn and then returns 'done', and the times at which it was called. */
export function failing(clock: VirtualClock, ...errors: unknown[]): { fn: () => string; at: number[] } {
  const at: number[] = [];
  const fn = (): string => {
    at.push(clock.now());
    if (errors.length > 0) throw errors.shift();
    return 'done';
  };
  return { fn, at };
}
