export { BoundedQueue } from './bounded-queue.ts';
export type { BoundedQueueOptions, PriorityQueueOptions, QueueOptions } from './options.ts';
export { PriorityQueue } from './priority-queue.ts';
export type { QueueStats } from './queue.ts';
export { ServiceTime } from './service-time.ts';
