import { ConcurrencyLimiter } from '@bp/concurrency';
import { VirtualClock } from '@bp/core/testing';
import { build } from 'hdr-histogram-js';
import { seededRandom } from '../seeded-random.ts';
import type { Discipline } from './disciplines.ts';

const SLOTS = 8;
const WORK_MS = 20;
/** Calls a millisecond that the slots can serve. */
const CAPACITY = SLOTS / WORK_MS;
const PATIENCE_MS = 500;
/** Calls before this time are not counted: queues are empty at first. */
const WARM_UP_MS = 2000;

/** Load as a share of the capacity, at a time in milliseconds. */
export type Load = (ms: number) => number;

export interface Outcome {
  /** Responses in time, as a share of all calls, or of the calls that can be served if those are fewer. */
  readonly goodput: number;
  /** Work whose result came too late, as a share of all work. */
  readonly wasted: number;
  /** Latency of the responses in time, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How long rejected calls waited for their rejection, in milliseconds. */
  readonly rejectedP99Ms: number;
}

/** Simulates Poisson calls of exponential length; their callers give up silently after half a second. */
export async function simulate(discipline: Discipline, load: Load, seconds: number): Promise<Outcome> {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: SLOTS, clock, ...discipline.options });
  const random = seededRandom(1);
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean;
  const times = build();
  const rejections = build();
  let offered = 0;
  let good = 0;
  let late = 0;

  const call = async (): Promise<void> => {
    const at = clock.now();
    const workMs = exponential(WORK_MS);
    const counts = at >= WARM_UP_MS;
    if (counts) offered++;
    const work = (): Promise<void> => new Promise((done) => void clock.setTimer(done, workMs));
    try {
      await limiter.execute(work, discipline.sendsDeadline ? { deadline: at + PATIENCE_MS } : {});
      const tookMs = clock.now() - at;
      if (!counts) return;
      if (tookMs > PATIENCE_MS) late++;
      else good++;
      if (tookMs <= PATIENCE_MS) times.recordValue(tookMs);
    } catch {
      if (counts) rejections.recordValue(clock.now() - at);
    }
  };

  let next = 0;
  const end = WARM_UP_MS + seconds * 1000;
  for (let ms = 0; ms < end; ms++) {
    const rate = load(ms) * CAPACITY;
    for (next = Math.max(next, ms); next < ms + 1; next += exponential(1 / rate)) void call();
    await clock.advance(1);
  }
  await clock.advance(PATIENCE_MS);
  return {
    goodput: good / Math.min(offered, CAPACITY * seconds * 1000),
    wasted: late / Math.max(1, good + late),
    p50Ms: times.getValueAtPercentile(50),
    p99Ms: times.getValueAtPercentile(99),
    rejectedP99Ms: rejections.getValueAtPercentile(99),
  };
}
