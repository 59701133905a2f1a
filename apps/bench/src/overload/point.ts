import type { LoadReport } from './load/tally.ts';
import type { RunningServer, Usage } from './run.ts';
import type { Workload } from './work.ts';

/** One measured point of a curve. */
export interface Point {
  readonly workload: Workload;
  readonly server: string;
  /** Offered load, as a multiple of the capacity. */
  readonly load: number;
  /** Requests a second that the bare server can serve. */
  readonly capacity: number;
  /** Responses in time, a second. */
  readonly goodput: number;
  /** Goodput as a share of the possible goodput: of the offered load, or of the capacity if that is less. */
  readonly share: number;
  readonly used: Usage;
  /** Requests served, including the lead-in: what the CPU time was used for. */
  readonly served: number;
  readonly rejected: number;
  readonly report: LoadReport;
}

/** Seconds of the same load before the measurement; the cost of a jump shows in the recovery measurement. */
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
