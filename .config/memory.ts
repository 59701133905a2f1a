/** The smallest object takes 12 bytes and a pointer to it: less than this is measurement noise. */
export const NO_BYTES = 8;

/** Rounds of an allocation measurement: in one of them code may be compiled, in another garbage may be collected. */
const ROUNDS = 9;
const CALLS_PER_ROUND = 10_000;
const WARM_UP_CALLS = 2000;

/** Collects all garbage, including what only finalizers release. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collectOnce();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Measures how many bytes of heap each of `count` uses leaves behind. Compare with {@link NO_BYTES}. */
export async function bytesLeft(count: number, use: () => unknown): Promise<number> {
  for (let i = 0; i < WARM_UP_CALLS; i++) await use();
  await collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) {
    const used = use();
    if (used instanceof Promise) await used;
  }
  await collectGarbage();
  return (process.memoryUsage().heapUsed - before) / count;
}

/** Measures how many bytes one synchronous call allocates: the median of some rounds. */
export function bytesAllocated(call: () => unknown): number {
  for (let i = 0; i < 2 * ROUNDS * CALLS_PER_ROUND; i++) call();
  const rounds = Array.from({ length: ROUNDS }, () => {
    collectOnce();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < CALLS_PER_ROUND; i++) call();
    return (process.memoryUsage().heapUsed - before) / CALLS_PER_ROUND;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

/** Measures the resident bytes of the process, typed arrays included, without garbage. */
export async function residentBytes(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().rss;
}

function collectOnce(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
}
