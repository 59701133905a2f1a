import { measure } from 'mitata';

const ROUNDS = 5;

/** One question: several ways to do the same thing, timed against the first, in turns, in this process. */
export interface Question {
  readonly title: string;
  /** The yardstick: what any answer must at least do. */
  readonly baseline: string;
  readonly contenders: Readonly<Record<string, () => unknown>>;
}

/** Nanoseconds a call of one contender, and how many times the baseline that is. */
export interface Answer {
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
 * Medians of rounds in which every contender has its turn, so that a noisy moment hits all of them; ratios are
 * formed within a round, and their lowest and highest are the spread. A round counts the fastest of many batches of
 * thousands of calls: whatever else the machine does can only add time.
 */
export async function compare(question: Question): Promise<Answer[]> {
  const names = Object.keys(question.contenders);
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times: Record<string, number> = {};
    for (const name of names) {
      const contender = question.contenders[name] as () => unknown;
      times[name] = (await measure(contender, { min_cpu_time: 250e6 })).min;
    }
    rounds.push(times);
  }
  const answers = names.map((name): Answer => {
    const ratios = rounds.map((times) => (times[name] as number) / (times[question.baseline] as number));
    return {
      title: question.title,
      contender: name,
      ns: median(rounds.map((times) => times[name] as number)),
      ratio: median(ratios),
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
    };
  });
  print(question.title, question.baseline, answers);
  return answers;
}

function print(title: string, baseline: string, answers: readonly Answer[]): void {
  console.log(`\n${title}`);
  for (const { contender, ns, ratio, lowest, highest } of answers) {
    const time = (ns < 10_000 ? `${ns.toFixed(1)} ns` : `${(ns / 1000).toFixed(1)} us`).padStart(12);
    const spread =
      contender === baseline
        ? 'baseline'
        : `x${ratio.toFixed(2)} (${lowest.toFixed(2)}-${highest.toFixed(2)})`;
    console.log(`  ${contender.padEnd(44)}${time}  ${spread}`);
  }
}
