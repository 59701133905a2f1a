import { mkdir, writeFile } from 'node:fs/promises';
import { costsOf, permittedShare } from './costs.ts';
import { drawGoodput } from './picture.ts';
import type { Point } from './point.ts';
import type { Recovery } from './recovery.ts';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Everything that was measured. */
export interface Results {
  readonly points: readonly Point[];
  /** The server whose costs and recovery are reported. */
  readonly ours: string;
  /** By workload. */
  readonly recoveries: Readonly<Record<string, Recovery>>;
  /** By workload: milliseconds of CPU of the cheapest possible rejection. */
  readonly leastRejections: Readonly<Record<string, number>>;
}

/** Writes the report as Markdown, its picture and its numbers. Returns the report. */
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

/** A row per load, a column per server: goodput (share of the possible goodput) and p99 of admitted requests. */
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
    'Goodput a second (share of the possible goodput), and p99 of admitted requests:',
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
    `- A rejection costs the server ${(own.rejectMs * 1000).toFixed(0)} us of CPU, serving ${(own.serveMs * 1000).toFixed(0)} us; a socket server that parses nothing and writes one constant response spends ${(leastMs * 1000).toFixed(0)} us. The goodput that the first two costs permit: ${permitted.join('; ')}.`,
    `- Top tier (5 % of requests), answered in time: ${gold.join(', ')}.`,
    `- Resident MB at the end: ${memory.join(', ')}.`,
    `- Load generator busy (its own delay counts as latency): ${busy.join(', ')}.`,
  ].join('\n');
}

function recovered(r: Recovery): string {
  const ms = (n: number): string => `${Math.round(n)} ms`;
  return (
    `- At half the capacity p99 is ${ms(r.beforeMs)}; in the first second after ten times the capacity ${ms(r.firstSecondMs)} ` +
    `(${percent(r.firstSecondShare)} in time), then ${ms(r.afterMs)} (${percent(r.afterShare)}). Of the top tier ` +
    `${percent(r.goldShare)} were answered in time during the overload. Resident MB before, in the middle ` +
    `and after: ${r.memoryMb.join(', ')}; objects in use: ${r.heapMb.join(', ')}.`
  );
}
