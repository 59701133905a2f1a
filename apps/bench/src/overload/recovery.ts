import type { RunningServer } from './run.ts';

const STEADY_SECONDS = 10;

/** How a server recovers from an overload. */
export interface Recovery {
  /** p99 of admitted requests, in ms: at half the capacity before, in the first second after, and in the seconds that follow. */
  readonly beforeMs: number;
  readonly firstSecondMs: number;
  readonly afterMs: number;
  /** Responses in time over requests offered: in the first second after, and in the seconds that follow. */
  readonly firstSecondShare: number;
  readonly afterShare: number;
  /** Resident megabytes, and megabytes of objects in use, before the overload, in its middle and at the end. */
  readonly memoryMb: readonly number[];
  readonly heapMb: readonly number[];
  /** Responses in time over requests offered, of the top tier, during the overload. */
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
    { rate, seconds: STEADY_SECONDS },
    { rate: capacity * 10, seconds: seconds / 2 },
  ]);
  usages.push(rising.used);
  const falling = await server.load([
    { rate: capacity * 10, seconds: seconds / 2 },
    { rate, seconds: 1 },
    { rate, seconds: STEADY_SECONDS },
  ]);
  usages.push(falling.used);
  const [before, overload] = rising.reports;
  const [more, first, after] = falling.reports;
  if (!before || !overload || !more || !first || !after) throw new Error('a phase is missing');
  const gold = [overload.tiers.gold, more.tiers.gold];
  const sum = (count: 'good' | 'offered'): number => gold.reduce((all, tier) => all + tier[count], 0);
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
