import type { RunningServer } from './run.ts';

const SETTLED_SECONDS = 10;

/** What is left of an overload after it has ended. */
export interface Recovery {
  /** p99 of the admitted, in milliseconds: at half the capacity before, in the first second after, and in the seconds that follow. */
  readonly beforeMs: number;
  readonly firstSecondMs: number;
  readonly afterMs: number;
  /** Answers in time over what was offered, in the first second after and then. */
  readonly firstSecondShare: number;
  readonly afterShare: number;
  /** Resident megabytes, and megabytes of objects in use, before the overload, in its middle and at the end. */
  readonly memoryMb: readonly number[];
  readonly heapMb: readonly number[];
  /** Answers in time to the most important, over what they offered, in the overload. */
  readonly goldShare: number;
}

/** Half the capacity, then ten times the capacity for `seconds`, then half of it again, on one server. */
export async function measureRecovery(
  server: RunningServer,
  capacity: number,
  seconds: number,
): Promise<Recovery> {
  const rate = capacity / 2;
  const usages = [await server.usage()];
  const rising = await server.load([
    { rate, seconds: SETTLED_SECONDS },
    { rate: capacity * 10, seconds: seconds / 2 },
  ]);
  usages.push(rising.used);
  const falling = await server.load([
    { rate: capacity * 10, seconds: seconds / 2 },
    { rate, seconds: 1 },
    { rate, seconds: SETTLED_SECONDS },
  ]);
  usages.push(falling.used);
  const [before, overload] = rising.reports;
  const [more, first, after] = falling.reports;
  if (!before || !overload || !more || !first || !after) throw new Error('a phase is missing');
  const gold = [overload.tiers.gold, more.tiers.gold];
  const sum = (what: 'good' | 'offered'): number => gold.reduce((all, tier) => all + tier[what], 0);
  return {
    beforeMs: before.admittedP99Ms,
    firstSecondMs: first.admittedP99Ms,
    afterMs: after.admittedP99Ms,
    firstSecondShare: first.good / first.offered,
    afterShare: after.good / after.offered,
    memoryMb: usages.map(({ memory }) => Math.round(memory / 1e6)),
    heapMb: usages.map(({ heap }) => Math.round(heap / 1e6)),
    goldShare: sum('good') / Math.max(1, sum('offered')),
  };
}
