import { hash } from 'node:crypto';

/** What one order costs: the loop's own CPU, a slow dependency, or one of the two at random. */
export type Workload = (typeof WORKLOADS)[number];
export const WORKLOADS = ['cpu', 'io', 'mixed'] as const;

const CPU_MS = 2;
const DOWNSTREAM_SLOTS = 8;
const DOWNSTREAM_MS = 20;

const block = Buffer.alloc(4096, 'order');

/** Computes for 2 ms by the clock: the same share of a core at every moment of a machine that is not always as fast. */
function compute(): void {
  const end = performance.now() + CPU_MS;
  while (performance.now() < end) hash('sha256', block);
}

/** A dependency with 8 slots of 20 ms; whoever comes when all are taken waits in its line. */
function downstream(): () => Promise<void> {
  let free = DOWNSTREAM_SLOTS;
  const line: (() => void)[] = [];
  let first = 0;
  return async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => line.push(resolve));
    await new Promise((resolve) => setTimeout(resolve, DOWNSTREAM_MS));
    const next = line[first];
    if (next === undefined) {
      free++;
    } else {
      first++;
      if (first > 10_000) first -= line.splice(0, first).length;
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
