import { createHash } from 'node:crypto';

/** What one order costs: the loop's own CPU, a slow dependency, or one of the two at random. */
export type Workload = 'cpu' | 'io' | 'mixed';

const CPU_MS = 2;
const DOWNSTREAM_SLOTS = 8;
const DOWNSTREAM_MS = 20;

const block = Buffer.alloc(4096, 'order');
const hash = (): Buffer => createHash('sha256').update(block).digest();

/** How many hashes take 2 ms on this machine: the median of many tries, measured once and given to every server. */
export function hashesPerOrder(): number {
  const tries = Array.from({ length: 200 }, () => {
    const start = performance.now();
    for (let i = 0; i < 100; i++) hash();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  return Math.round((CPU_MS * 100) / (tries[100] as number));
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
export function createWork(workload: Workload, hashes: number): () => Promise<void> {
  const cpu = (): void => {
    for (let i = 0; i < hashes; i++) hash();
  };
  const io = downstream();
  let count = 0;
  return async () => {
    count++;
    if (workload === 'cpu' || (workload === 'mixed' && count % 2 === 0)) cpu();
    else await io();
  };
}
