import { ConcurrencyLimiter } from '@bp/concurrency';
import { WorkerPool } from '@bp/worker-pool';
import { Sema } from 'async-sema';
import { bulkhead } from 'cockatiel';
import fastq from 'fastq';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { compare } from './compare.ts';

const TASKS = 100;
const LIMIT = 10;
const work = async (): Promise<number> => 1;

const limiter = new ConcurrencyLimiter({ limit: LIMIT, maxQueue: TASKS });
const pool = new WorkerPool({ workers: LIMIT, maxQueue: TASKS });
const sema = new Sema(LIMIT);
const withSema = async (): Promise<number> => {
  await sema.acquire();
  try {
    return await work();
  } finally {
    sema.release();
  }
};
const isolated = bulkhead(LIMIT, TASKS);
const limit = pLimit(LIMIT);
const pQueue = new PQueue({ concurrency: LIMIT });
const fast = fastq.promise(work, LIMIT);

/** The least that any limiter must do: count the call in, and out before its caller continues. */
let running = 0;
const countOut = <T>(result: T): T => {
  running--;
  return result;
};
const countOutAndThrow = (error: unknown): never => {
  running--;
  throw error;
};
const byHand = (): Promise<number> => {
  if (running === LIMIT) throw new RangeError('too many');
  running++;
  return work().then(countOut, countOutAndThrow);
};

const all = (start: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: TASKS }, start));

const queued = await compare({
  title: `${TASKS} tasks through a limit of ${LIMIT}`,
  baseline: 'bare, no limit',
  contenders: {
    'bare, no limit': () => all(work),
    '@bp ConcurrencyLimiter.execute': () => all(() => limiter.execute(work)),
    '@bp WorkerPool.submit': () => all(() => pool.submit(work)),
    'fastq.promise': () => all(() => fast.push(undefined)),
    'async-sema': () => all(withSema),
    'cockatiel bulkhead': () => all(() => isolated.execute(work)),
    'p-limit': () => all(() => limit(work)),
    'p-queue': () => all(() => pQueue.add(work)),
  },
});

const uncontended = await compare({
  title: 'one uncontended call',
  baseline: 'bare await',
  contenders: {
    'bare await': () => work(),
    'a counter by hand': byHand,
    '@bp ConcurrencyLimiter.execute': () => limiter.execute(work),
    '@bp WorkerPool.submit': () => pool.submit(work),
    'async-sema': withSema,
    'cockatiel bulkhead': () => isolated.execute(work),
    'p-limit': () => limit(work),
  },
});

export const measurements = [...queued, ...uncontended];
