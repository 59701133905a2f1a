import type { LoadReport } from './load/tally.ts';
import type { RunningServer, Usage } from './run.ts';
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
  /** What the CPU was used for, the seconds before the measured ones included. */
  readonly served: number;
  readonly rejected: number;
  readonly report: LoadReport;
}

/** The load lasts for so long before it is measured: what a jump of the load costs is seen in the recovery. */
const LEAD_IN_SECONDS = 2;

export async function measurePoint(
  server: RunningServer,
  capacity: number,
  load: number,
  seconds: number,
): Promise<Point> {
  const rate = capacity * load;
  const { reports, used } = await server.load([
    { rate, seconds: LEAD_IN_SECONDS },
    { rate, seconds },
  ]);
  const report = reports[1] as LoadReport;
  const goodput = report.good / seconds;
  return {
    workload: server.workload,
    server: server.candidate.name,
    load,
    capacity,
    goodput,
    share: goodput / Math.min(report.offered / seconds, capacity),
    used,
    served: reports.reduce((sum, { good, late }) => sum + good + late, 0),
    rejected: reports.reduce((sum, { rejected }) => sum + rejected, 0),
    report,
  };
}
