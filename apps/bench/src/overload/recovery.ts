import { type Candidate, withServer } from './run.ts';
import type { Workload } from './work.ts';

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
  /** Resident megabytes before the overload and at the end. */
  readonly memoryBefore: number;
  readonly memoryAfter: number;
}

/** Half the capacity, then ten times the capacity for `seconds`, then half of it again, on one server. */
export async function measureRecovery(
  candidate: Candidate,
  workload: Workload,
  capacity: number,
  seconds: number,
): Promise<Recovery> {
  return withServer(candidate, workload, async (server) => {
    const rate = capacity / 2;
    await server.load([
      { rate, seconds: 2 },
      { rate: capacity * 10, seconds: 5 },
    ]);
    const memoryBefore = (await server.usage()).memory;
    const { reports, used } = await server.load([
      { rate, seconds: SETTLED_SECONDS },
      { rate: capacity * 10, seconds },
      { rate, seconds: 1 },
      { rate, seconds: SETTLED_SECONDS },
    ]);
    const [before, , first, after] = reports;
    if (before === undefined || first === undefined || after === undefined)
      throw new Error('a phase is missing');
    return {
      beforeMs: before.admittedP99Ms,
      firstSecondMs: first.admittedP99Ms,
      afterMs: after.admittedP99Ms,
      firstSecondShare: first.good / first.offered,
      afterShare: after.good / after.offered,
      memoryBefore: Math.round(memoryBefore / 1e6),
      memoryAfter: Math.round(used.memory / 1e6),
    };
  });
}
