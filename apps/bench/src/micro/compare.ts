import { measure } from 'mitata';

const ROUNDS = 5;

/** Several ways to do the same thing, timed against a baseline in this process. */
export interface Comparison {
  readonly title: string;
  /** The contender to which the others are compared: the least that any of them must do. */
  readonly baseline: string;
  readonly contenders: Readonly<Record<string, () => unknown>>;
}

/** Nanoseconds per call of one contender, and the ratio to the baseline. */
export interface Measurement {
  readonly title: string;
  readonly contender: string;
  readonly ns: number;
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/**
 * Measures every contender once per round, so that a noisy moment hits all of them, and reports medians. Ratios are formed
 * within a round; their lowest and highest are the spread. A round counts the fastest of many batches of thousands of calls:
 * other work on the machine can only add time.
 */
export async function compare(comparison: Comparison): Promise<Measurement[]> {
  const names = Object.keys(comparison.contenders);
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times: Record<string, number> = {};
    for (const name of names) {
      const contender = comparison.contenders[name] as () => unknown;
      times[name] = (await measure(contender, { min_cpu_time: 250e6 })).min;
    }
    rounds.push(times);
  }
  const measurements = names.map((name): Measurement => {
    const ratios = rounds.map((times) => (times[name] as number) / (times[comparison.baseline] as number));
    return {
      title: comparison.title,
      contender: name,
      ns: median(rounds.map((times) => times[name] as number)),
      ratio: median(ratios),
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
    };
  });
  print(comparison.title, comparison.baseline, measurements);
  return measurements;
}

function print(title: string, baseline: string, measurements: readonly Measurement[]): void {
  console.log(`\n${title}`);
  for (const { contender, ns, ratio, lowest, highest } of measurements) {
    const time = (ns < 10_000 ? `${ns.toFixed(1)} ns` : `${(ns / 1000).toFixed(1)} us`).padStart(12);
    const spread =
      contender === baseline
        ? 'baseline'
        : `x${ratio.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`;
    console.log(`  ${contender.padEnd(44)}${time}  ${spread}`);
  }
}
