import type { LoadReport } from './load.ts';
import { type Candidate, type Usage, withServer } from './run.ts';
import type { Workload } from './work.ts';

/** One measured point of a curve. */
export interface Point {
  readonly workload: Workload;
  readonly server: string;
  /** What was offered, in capacities. */
  readonly load: number;
  /** Requests a second that the bare server can serve. */
  readonly capacity: number;
  /** Answers in time, a second. */
  readonly goodput: number;
  /** The same as a share of the most that could be had: of what was offered, of the capacity if that is less. */
  readonly share: number;
  readonly used: Usage;
  readonly report: LoadReport;
}

/** Warms a new server up, with the load that is measured too: what a jump of the load costs is seen in the recovery. */
export async function measurePoint(
  candidate: Candidate,
  workload: Workload,
  capacity: number,
  load: number,
  seconds: number,
): Promise<Point> {
  return withServer(candidate, workload, async (server) => {
    await server.load(
      [
        { rate: capacity / 2, seconds: 1.5 },
        { rate: capacity * Math.max(load, 3), seconds: 2 },
      ],
      99,
    );
    const { reports, used } = await server.load([{ rate: capacity * load, seconds }]);
    const report = reports[0] as LoadReport;
    const goodput = report.good / seconds;
    const share = goodput / Math.min(report.offered / seconds, capacity);
    return { workload, server: candidate.name, load, capacity, goodput, share, used, report };
  });
}
