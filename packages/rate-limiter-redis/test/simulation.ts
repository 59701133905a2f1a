import { VirtualClock } from '@bp/core/testing';
import { RedisRateLimiter, type RedisRateLimiterOptions } from '../src/index.ts';
import { FakeStore } from './fake-store.ts';

/** A small seeded generator of numbers from 0 to below 1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One admitted call: when its promise was fulfilled, and what it cost. */
export interface Admission {
  readonly at: number;
  readonly cost: number;
}

export interface Simulation {
  readonly limit: Omit<RedisRateLimiterOptions, 'client'>;
  readonly instances: number;
  readonly roundTripMs: number;
  /** Tokens asked for per millisecond, by all instances together; calls come at random. */
  readonly loadPerMs: number;
  /** Costs, drawn with equal chances. Default: 1. */
  readonly costs?: readonly number[];
  readonly durationMs: number;
  readonly seed: number;
  /** Called before the simulation runs. */
  readonly prepare?: (clock: VirtualClock, store: FakeStore) => void;
}

export interface Result {
  readonly admissions: readonly Admission[];
  readonly admitted: number;
  readonly calls: number;
  readonly longestWaitMs: number;
  readonly limiters: readonly RedisRateLimiter[];
}

/** Runs calls of one key against several instances with one store, on a virtual clock. */
export async function simulate(simulation: Simulation): Promise<Result> {
  const { limit, instances, roundTripMs, loadPerMs, costs = [1], durationMs, seed, prepare } = simulation;
  const random = randomOf(seed);
  const clock = new VirtualClock();
  // Each way takes half of the round trip, give or take a fifth.
  const store = new FakeStore(clock, () => (roundTripMs / 2) * (0.8 + 0.4 * random()));
  prepare?.(clock, store);
  const limiters = Array.from(
    { length: instances },
    () => new RedisRateLimiter({ client: store, clock, random, ...limit }),
  );
  const admissions: Admission[] = [];
  const meanCost = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
  let calls = 0;
  let longestWaitMs = 0;
  const call = (limiter: RedisRateLimiter, cost: number): void => {
    const calledAt = clock.now();
    const wait = (): void => {
      longestWaitMs = Math.max(longestWaitMs, clock.now() - calledAt);
    };
    calls++;
    limiter.acquire({ key: 'hot', cost }).then(() => {
      wait();
      admissions.push({ at: clock.now(), cost });
    }, wait);
  };
  for (let now = 0; now < durationMs; ) {
    const pauseMs = (-Math.log(1 - random()) * meanCost) / loadPerMs;
    await clock.advance(pauseMs);
    now += pauseMs;
    const limiter = limiters[Math.floor(random() * instances)];
    const cost = costs[Math.floor(random() * costs.length)] ?? 1;
    if (limiter !== undefined) call(limiter, cost);
  }
  await clock.advance(roundTripMs * 3);
  const admitted = admissions.reduce((sum, { cost }) => sum + cost, 0);
  return { admissions, admitted, calls, longestWaitMs, limiters };
}

/** The most that was admitted above `burst + ratePerMs * window`, over all windows. Windows without excess count as 0. */
export function excess(admissions: readonly Admission[], burst: number, ratePerMs: number): number {
  let level = burst;
  let worst = 0;
  let last = 0;
  for (const { at, cost } of [...admissions].sort((a, b) => a.at - b.at)) {
    level = Math.min(burst, level + ratePerMs * (at - last)) - cost;
    last = at;
    worst = Math.max(worst, -level);
  }
  return worst;
}
