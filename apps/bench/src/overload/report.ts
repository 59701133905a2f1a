import { mkdir, writeFile } from 'node:fs/promises';
import { costsOf, permittedShare } from './costs.ts';
import { drawGoodput } from './picture.ts';
import type { Point } from './point.ts';
import type { Recovery } from './recovery.ts';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** All that was measured. */
export interface Results {
  readonly points: readonly Point[];
  /** The server whose costs and recovery are told. */
  readonly ours: string;
  /** By workload. */
  readonly recoveries: Readonly<Record<string, Recovery>>;
  /** By workload: milliseconds of CPU of the cheapest rejection there can be. */
  readonly leastRejections: Readonly<Record<string, number>>;
}

/** Writes a Markdown report, its picture and its numbers. Returns the report. */
export async function writeReport(results: Results, folder: string): Promise<string> {
  const { points, ours, recoveries, leastRejections } = results;
  const workloads = [...new Set(points.map(({ workload }) => workload))];
  const sections = workloads.map((workload) => {
    const own = points.filter((point) => point.workload === workload);
    const parts = [
      `## ${workload}`,
      table(own),
      costs(
        own.filter(({ server }) => server === ours),
        leastRejections[workload],
      ),
    ];
    const recovery = recoveries[workload];
    if (recovery !== undefined) parts.push(recovered(recovery));
    return parts.join('\n\n');
  });
  const text = `${sections.join('\n\n')}\n`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/overload.json`,
    `${JSON.stringify({ points, recoveries, leastRejections }, null, 1)}\n`,
  );
  await writeFile(`${folder}/overload.md`, text);
  await drawGoodput(points, folder);
  return text;
}

/** A row a load, a column a server: answers in time a second (of what is possible), p99 of the admitted. */
function table(points: readonly Point[]): string {
  const servers = [...new Set(points.map(({ server }) => server))];
  const loads = [...new Set(points.map(({ load }) => load))];
  const capacityAt = (load: number): number => points.find((point) => point.load === load)?.capacity ?? 0;
  const cell = (load: number, server: string): string => {
    const point = points.find((other) => other.load === load && other.server === server);
    if (point === undefined) return '';
    return `${point.goodput.toFixed(0)} (${percent(point.share)}), ${Math.round(point.report.admittedP99Ms)} ms`;
  };
  return [
    'Answers in time a second, as a share of what is possible, and p99 of the admitted:',
    '',
    `| load | capacity | ${servers.join(' | ')} |`,
    `| --- | --- |${' --- |'.repeat(servers.length)}`,
    ...loads.map(
      (load) =>
        `| ${load}x | ${capacityAt(load).toFixed(0)}/s | ${servers.map((server) => cell(load, server)).join(' | ')} |`,
    ),
  ].join('\n');
}

function costs(points: readonly Point[], leastMs = 0): string {
  const own = costsOf(points);
  const permitted = points
    .filter(({ load }) => load >= 1)
    .map(
      ({ load, capacity, share }) =>
        `${load}x ${percent(permittedShare(own, capacity, load))}, reached ${percent(share)}`,
    );
  const gold = points.map(({ load, report }) => {
    const { good = 0, offered = 0 } = report.tiers.gold ?? {};
    return `${load}x ${percent(good / Math.max(1, offered))}`;
  });
  const memory = points.map(({ load, used }) => `${load}x ${Math.round(used.memory / 1e6)}`);
  const busy = points.map(({ load, report }) => `${load}x ${percent(report.generatorBusy)}`);
  return [
    `- A rejection costs the server ${(own.rejectMs * 1000).toFixed(0)} us of CPU, serving ${(own.serveMs * 1000).toFixed(0)} us; a socket server that reads nothing and writes one constant answer spends ${(leastMs * 1000).toFixed(0)} us. What the first two permit: ${permitted.join('; ')}.`,
    `- The most important 5 % of requests, answered in time: ${gold.join(', ')}.`,
    `- Resident MB at the end: ${memory.join(', ')}.`,
    `- Busy is the load generator, whose own delay counts as latency: ${busy.join(', ')}.`,
  ].join('\n');
}

function recovered(r: Recovery): string {
  const ms = (n: number): string => `${Math.round(n)} ms`;
  return (
    `- At half the capacity p99 is ${ms(r.beforeMs)}; in the first second after ten times the capacity ${ms(r.firstSecondMs)} ` +
    `(${percent(r.firstSecondShare)} in time), then ${ms(r.afterMs)} (${percent(r.afterShare)}). Of the most important ` +
    `${percent(r.goldShare)} were answered in time while it lasted, from its first moment on. Resident MB before it, in its middle ` +
    `and after it: ${r.memoryMb.join(', ')}; of objects in use: ${r.heapMb.join(', ')}.`
  );
}
