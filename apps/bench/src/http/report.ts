import { mkdir, writeFile } from 'node:fs/promises';
import type { Round, Sample } from './rounds.ts';

/** A figure over all rounds. */
interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

interface Row {
  readonly server: string;
  readonly cpuUs: number;
  readonly perSecond: number;
  /** CPU of the baseline over CPU of this one, formed within a round: 1 is as cheap. */
  readonly cpuRatio: Spread;
  /** Requests a second of this one over those of the baseline. */
  readonly rateRatio: Spread;
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1] as number,
    lowest: sorted[0] as number,
    highest: sorted.at(-1) as number,
  };
}

function rowOf(server: string, baseline: string, rounds: readonly Round[]): Row {
  const pairs = rounds.map((round): [Sample, Sample] => [round[server] as Sample, round[baseline] as Sample]);
  return {
    server,
    cpuUs: spread(pairs.map(([own]) => own.cpuUs)).median,
    perSecond: spread(pairs.map(([own]) => own.perSecond)).median,
    cpuRatio: spread(pairs.map(([own, bare]) => bare.cpuUs / own.cpuUs)),
    rateRatio: spread(pairs.map(([own, bare]) => own.perSecond / bare.perSecond)),
  };
}

const shown = ({ median, lowest, highest }: Spread): string =>
  `${median.toFixed(3)} (${lowest.toFixed(3)}-${highest.toFixed(3)})`;

/** The table, which is also in `http.md`; the figures of every round are in `http.json`. */
export async function writeReport(
  rounds: readonly Round[],
  baseline: string,
  folder: string,
): Promise<string> {
  const rows = Object.keys(rounds[0] ?? {})
    .toSorted((a, b) => Number(b === baseline) - Number(a === baseline))
    .map((server) => rowOf(server, baseline, rounds));
  const text = [
    `Node ${process.version}, medians of ${rounds.length} rounds; ratios to ${baseline} with their lowest and highest, 1 is as good:`,
    '',
    '| server | CPU a request | of bare | requests a second | of bare |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ server, cpuUs, perSecond, cpuRatio, rateRatio }) =>
        `| ${server} | ${cpuUs.toFixed(1)} us | ${shown(cpuRatio)} | ${perSecond.toFixed(0)} | ${shown(rateRatio)} |`,
    ),
    '',
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    `${folder}/http.json`,
    `${JSON.stringify({ node: process.version, rows, rounds }, null, 1)}\n`,
  );
  await writeFile(`${folder}/http.md`, text);
  return text;
}
