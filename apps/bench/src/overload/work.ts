import { hash } from 'node:crypto';

/** What one order costs: CPU of the event loop, a slow dependency, or each for half of the orders. */
export type Workload = (typeof WORKLOADS)[number];
export const WORKLOADS = ['cpu', 'io', 'mixed'] as const;

const CPU_MS = 2;
const DOWNSTREAM_SLOTS = 8;
const DOWNSTREAM_MS = 20;

const block = Buffer.alloc(4096, 'order');

/** Computes for 2 ms by the clock, so that the cost is the same share of a core however fast the machine is now. */
function compute(): void {
  const end = performance.now() + CPU_MS;
  while (performance.now() < end) hash('sha256', block);
}

/** A dependency with 8 slots of 20 ms; calls beyond them wait in its queue. */
function downstream(): () => Promise<void> {
  let free = DOWNSTREAM_SLOTS;
  const waiting: (() => void)[] = [];
  let first = 0;
  return async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    await new Promise((resolve) => setTimeout(resolve, DOWNSTREAM_MS));
    const next = waiting[first];
    if (next === undefined) {
      free++;
    } else {
      first++;
      if (first > 10_000) first -= waiting.splice(0, first).length;
      next();
    }
  };
}

/** The work of one order. */
export function createWork(workload: Workload): () => Promise<void> {
  const io = downstream();
  let count = 0;
  return async () => {
    count++;
    if (workload === 'cpu' || (workload === 'mixed' && count % 2 === 0)) compute();
    else await io();
  };
}
