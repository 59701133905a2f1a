export { BoundedQueue } from './bounded-queue.ts';
export { FairQueue } from './fair-queue.ts';
export type {
  BoundedQueueOptions,
  FairQueueOptions,
  PriorityQueueOptions,
  QueueOptions,
  SojournOptions,
} from './options.ts';
export { PriorityQueue } from './priority-queue.ts';
export type { QueueStats } from './queue-stats.ts';
