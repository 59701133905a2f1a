import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { LoadReport } from './load.ts';
import { drawGoodput } from './picture.ts';
import { type Candidate, withServer } from './run.ts';
import { hashesPerOrder, type Workload } from './work.ts';

/** The question: how much good work is done at 0.5 to 20 times the load a server can serve? */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    workloads: { type: 'string', default: 'cpu,io,mixed' },
    loads: { type: 'string', default: '0.5,0.9,1,2,5,10,20' },
    out: { type: 'string', default: 'results' },
  },
});
const seconds = Number(values.seconds);
const workloads = values.workloads.split(',') as Workload[];
const loads = values.loads.split(',').map(Number);
const TUNING_LOAD = 10;

const underPressure = (sampleInterval: number, maxDelay: number): Candidate => ({
  name: 'Fastify + rate-limit + under-pressure',
  kind: 'under-pressure',
  args: [`--sample-interval=${sampleInterval}`, `--max-delay=${maxDelay}`],
});
const tunings = [10, 50, 200].flatMap((interval) =>
  [20, 50, 150].map((delay) => underPressure(interval, delay)),
);

/** One measured point of a curve. */
export interface Point {
  readonly workload: Workload;
  readonly server: string;
  readonly load: number;
  readonly capacity: number;
  readonly goodput: number;
  readonly share: number;
  readonly report: LoadReport;
}

const round = (n: number, digits = 0): string => n.toFixed(digits);

/** What the bare server answers per second when 8 callers keep it exactly busy. */
async function measureCapacity(workload: Workload, hashes: number): Promise<number> {
  return withServer({ name: 'Fastify', kind: 'bare' }, workload, hashes, async (server) => {
    const until = async (ms: number): Promise<number> => {
      const end = performance.now() + ms;
      let answered = 0;
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (performance.now() < end) {
            const answer = await fetch(server.url, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: '{"item":"book","quantity":1}',
            });
            await answer.arrayBuffer();
            answered++;
          }
        }),
      );
      return (answered * 1000) / ms;
    };
    await until(1000);
    return until(5000);
  });
}

async function measure(
  candidate: Candidate,
  workload: Workload,
  hashes: number,
  capacity: number,
  load: number,
): Promise<Point> {
  const report = await withServer(candidate, workload, hashes, async (server) => {
    await server.load(capacity * 0.5, 2, 99);
    return server.load(capacity * load, seconds);
  });
  const goodput = report.good / seconds;
  const offered = report.offered / seconds;
  return {
    workload,
    server: candidate.name,
    load,
    capacity,
    goodput,
    share: goodput / Math.min(offered, capacity),
    report,
  };
}

async function bestTuning(workload: Workload, hashes: number, capacity: number): Promise<Candidate> {
  let best: { candidate: Candidate; goodput: number } | undefined;
  for (const candidate of tunings) {
    const { goodput } = await measure(candidate, workload, hashes, capacity, TUNING_LOAD);
    console.log(`  tuning ${candidate.args?.join(' ')}: ${round(goodput)}/s at ${TUNING_LOAD}x`);
    if (best === undefined || goodput > best.goodput) best = { candidate, goodput };
  }
  if (best === undefined) throw new Error('no tuning');
  return best.candidate;
}

const hashes = hashesPerOrder();
const points: Point[] = [];
for (const workload of workloads) {
  const capacity = await measureCapacity(workload, hashes);
  console.log(`${workload}: capacity ${round(capacity)}/s`);
  const candidates: Candidate[] = [
    { name: '@bp', kind: 'ours' },
    { name: 'Fastify', kind: 'bare' },
    { name: 'Fastify + p-queue', kind: 'p-queue' },
    await bestTuning(workload, hashes, capacity),
  ];
  for (const load of loads) {
    for (const candidate of candidates) {
      const point = await measure(candidate, workload, hashes, capacity, load);
      points.push(point);
      console.log(
        `  [${points.length}/${workloads.length * loads.length * candidates.length}] ${load}x ${candidate.name}: ` +
          `goodput ${round(point.goodput)}/s (${round(point.share * 100, 1)} %), ` +
          `p99 of the admitted ${round(point.report.admittedP99Ms)} ms, refused ${point.report.refused}`,
      );
    }
  }
}

await mkdir(values.out, { recursive: true });
await writeFile(`${values.out}/overload.json`, `${JSON.stringify(points, null, 2)}\n`);
await drawGoodput(points, values.out);
console.log(`written to ${values.out}/overload.{json,svg,png}`);
