import { BoundedQueue, PriorityQueue } from '@bp/bounded-queue';
import Denque from 'denque';
import { compare } from './compare.ts';

const DEPTH = 1000;
const BATCH = 1000;

interface Job {
  readonly id: number;
}

const jobs = Array.from({ length: BATCH }, (_, id): Job => ({ id }));

const queue = new BoundedQueue<Job>({ capacity: 2 * DEPTH });
const priority = new PriorityQueue<Job>({ capacity: 2 * DEPTH });
const denque = new Denque<Job>();
const array: Job[] = [];
const ring = { slots: new Array<Job | undefined>(2048).fill(undefined), head: 0, tail: 0 };
for (const job of jobs.slice(0, DEPTH)) {
  queue.tryPush(job);
  priority.tryPush(job);
  denque.push(job);
  array.push(job);
  ring.slots[ring.tail++ & 2047] = job;
}

// Each has a loop of its own: V8 inlines the call of a shared loop for the first contender only.
export const measurements = await compare({
  title: `${BATCH} times push and pop at depth ${DEPTH}`,
  baseline: 'a ring by hand',
  contenders: {
    'a ring by hand': () => {
      for (const job of jobs) {
        ring.slots[ring.tail++ & 2047] = job;
        ring.slots[ring.head++ & 2047] = undefined;
      }
    },
    '@bp BoundedQueue': () => {
      for (const job of jobs) {
        queue.tryPush(job);
        queue.tryTake();
      }
    },
    '@bp PriorityQueue': () => {
      for (const job of jobs) {
        priority.tryPush(job);
        priority.tryTake();
      }
    },
    denque: () => {
      for (const job of jobs) {
        denque.push(job);
        denque.shift();
      }
    },
    'Array push and shift': () => {
      for (const job of jobs) {
        array.push(job);
        array.shift();
      }
    },
  },
});
