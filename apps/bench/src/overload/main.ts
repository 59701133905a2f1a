import { parseArgs } from 'node:util';
import { measureCapacity } from './capacity.ts';
import { rejectionMs } from './costs.ts';
import { measurePoint, type Point } from './point.ts';
import { measureRecovery, type Recovery } from './recovery.ts';
import { writeReport } from './report.ts';
import { type Candidate, RunningServer } from './run.ts';
import { USUAL_CAPACITY, warmUp } from './warm-up.ts';
import { WORKLOADS, type Workload } from './work.ts';

/** Measures goodput at 0.5 to 20 times the load that a server can serve. */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    workloads: { type: 'string', default: 'cpu,io,mixed' },
    loads: { type: 'string', default: '0.5,0.9,1,2,5,10,20' },
    overload: { type: 'string', default: '60' },
    out: { type: 'string', default: 'results' },
  },
});
const seconds = Number(values.seconds);
const workloads = values.workloads.split(',') as Workload[];
const unknown = workloads.find((workload) => !WORKLOADS.includes(workload));
if (unknown !== undefined) throw new RangeError(`${unknown} must be one of ${WORKLOADS.join(', ')}`);
const loads = values.loads.split(',').map(Number);
const TUNING_LOAD = 10;
const TUNING_SECONDS = 3;
const TUNING_WARM_UP_SECONDS = 4;
const COSTS_LOAD = 10;
const COSTS_SECONDS = 4;

const ours: Candidate = { name: '@bp', kind: 'ours' };
const underPressure = (sampleInterval: number, maxDelay: number): Candidate => ({
  name: 'Fastify + rate-limit + under-pressure',
  kind: 'under-pressure',
  args: [`--sample-interval=${sampleInterval}`, `--max-delay=${maxDelay}`],
});
const tunings = [10, 50, 200].flatMap((interval) =>
  [20, 50, 150].map((delay) => underPressure(interval, delay)),
);

async function start(
  candidate: Candidate,
  workload: Workload,
  warmUpSeconds?: number,
): Promise<RunningServer> {
  const server = await RunningServer.start(candidate, workload);
  await warmUp(server, warmUpSeconds);
  return server;
}

async function bestTuning(workload: Workload): Promise<Candidate> {
  let best: { candidate: Candidate; goodput: number } | undefined;
  for (const candidate of tunings) {
    using server = await start(candidate, workload, TUNING_WARM_UP_SECONDS);
    const { goodput } = await measurePoint(server, USUAL_CAPACITY, TUNING_LOAD, TUNING_SECONDS);
    console.log(`  tuning ${candidate.args?.join(' ')}: ${goodput.toFixed(0)}/s at ${TUNING_LOAD}x`);
    if (best === undefined || goodput > best.goodput) best = { candidate, goodput };
  }
  if (best === undefined) throw new Error('no tuning');
  return best.candidate;
}

const points: Point[] = [];
const recoveries: Record<string, Recovery> = {};
const leastRejections: Record<string, number> = {};
for (const workload of workloads) {
  console.log(workload);
  const tuned = await bestTuning(workload);
  using stack = new DisposableStack();
  const startOne = async (candidate: Candidate): Promise<RunningServer> =>
    stack.use(await start(candidate, workload));
  const own = await startOne(ours);
  const bare = await startOne({ name: 'Fastify', kind: 'bare' });
  const pQueue = await startOne({ name: 'Fastify + p-queue', kind: 'p-queue' });
  const servers = [own, bare, pQueue, await startOne(tuned)];
  for (const load of loads) {
    // Measured again for each row: a shared machine is not equally fast all the time.
    const capacity = await measureCapacity(bare);
    console.log(`  capacity ${capacity.toFixed(0)}/s`);
    for (const server of servers) {
      const point = await measurePoint(server, capacity, load, seconds);
      points.push(point);
      console.log(
        `  [${points.length}/${workloads.length * loads.length * servers.length}] ${load}x ${point.server}: ` +
          `goodput ${point.goodput.toFixed(0)}/s (${(point.share * 100).toFixed(1)} %), ` +
          `p99 of the admitted ${point.report.admittedP99Ms.toFixed(0)} ms, rejected ${point.report.rejected}`,
      );
    }
  }
  const capacity = await measureCapacity(bare);
  const constant = await startOne({ name: 'constant response', kind: 'constant' });
  leastRejections[workload] = rejectionMs(await measurePoint(constant, capacity, COSTS_LOAD, COSTS_SECONDS));
  console.log(`  ${values.overload} s at ten times the capacity, and after`);
  recoveries[workload] = await measureRecovery(own, capacity, Number(values.overload));
}

console.log(`\n${await writeReport({ points, ours: ours.name, recoveries, leastRejections }, values.out)}`);
console.log(`written to ${values.out}/overload.{md,json,svg,png}`);
