import { writeFile } from 'node:fs/promises';
import { Resvg } from '@resvg/resvg-js';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Point } from './point.ts';

const chart = (title: string, y: string, points: readonly Point[]): object => ({
  title,
  width: 420,
  height: 260,
  data: {
    values: points.map(({ load, server, share, report }) => ({
      load,
      server,
      goodput: share * 100,
      p99: Math.max(1, report.admittedP99Ms),
    })),
  },
  mark: { type: 'line', point: true },
  encoding: {
    x: {
      field: 'load',
      type: 'quantitative',
      scale: { type: 'log', base: 2 },
      title: 'offered load / capacity',
    },
    y:
      y === 'goodput'
        ? {
            field: y,
            type: 'quantitative',
            title: 'goodput, % of the possible goodput',
            scale: { domain: [0, 100] },
          }
        : { field: y, type: 'quantitative', title: 'p99 of admitted requests, ms', scale: { type: 'log' } },
    color: { field: 'server', type: 'nominal', legend: { orient: 'bottom', columns: 2, labelLimit: 300 } },
  },
});

/** Draws goodput and p99 of admitted requests against the load, a row per workload, as SVG and PNG. */
export async function drawGoodput(points: readonly Point[], folder: string): Promise<void> {
  const workloads = [...new Set(points.map(({ workload }) => workload))];
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    vconcat: workloads.map((workload) => {
      const own = points.filter((point) => point.workload === workload);
      return {
        hconcat: [chart(`${workload}: goodput`, 'goodput', own), chart(`${workload}: latency`, 'p99', own)],
      };
    }),
  } as unknown as TopLevelSpec;
  const svg = await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
  await writeFile(`${folder}/overload.svg`, svg);
  await writeFile(
    `${folder}/overload.png`,
    new Resvg(svg, { fitTo: { mode: 'zoom', value: 1.5 } }).render().asPng(),
  );
}
