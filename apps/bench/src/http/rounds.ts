import { Child } from './child.ts';
import type { LoadOrder, LoadResult } from './load.ts';

/** What one server did in one turn. */
export interface Sample {
  readonly perSecond: number;
  /** Microseconds of CPU a request. */
  readonly cpuUs: number;
}

/** What every server did in one round, by its name. */
export type Round = Readonly<Record<string, Sample>>;

export interface Plan {
  readonly rounds: number;
  readonly turnsARound: number;
  /** Of one turn: short, so that a noisy moment hits all servers. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

interface Turn {
  readonly answers: number;
  readonly seconds: number;
  readonly cpuUs: number;
}

class RunningServer {
  readonly name: string;
  readonly #process: Child;
  readonly #load: Child;
  #port = 0;

  constructor(name: string, load: Child) {
    this.name = name;
    this.#process = new Child('server.ts', name);
    this.#load = load;
  }

  async start(): Promise<void> {
    this.#port = await this.#process.receive();
  }

  async turn(seconds: number): Promise<Turn> {
    const before = await this.#process.request<number>({});
    const done = await this.#load.request<LoadResult>({ port: this.#port, seconds } satisfies LoadOrder);
    const after = await this.#process.request<number>({});
    return { ...done, cpuUs: after - before };
  }
}

/** Every server has several turns in each round; every other time they take them backwards. */
export async function measure(names: readonly string[], plan: Plan): Promise<Round[]> {
  const load = new Child('load.ts');
  const servers = names.map((name) => new RunningServer(name, load));
  for (const server of servers) {
    await server.start();
    await server.turn(plan.warmUpSeconds);
    console.log(`${server.name} is warm`);
  }
  const rounds: Round[] = [];
  while (rounds.length < plan.rounds) {
    const round = await measureRound(servers, plan);
    rounds.push(round);
    console.log(`[${rounds.length}/${plan.rounds}] ${progress(round)}`);
  }
  return rounds;
}

async function measureRound(servers: readonly RunningServer[], plan: Plan): Promise<Round> {
  const turns = servers.map((): Turn[] => []);
  for (let turn = 0; turn < plan.turnsARound; turn++) {
    const order = [...servers.keys()];
    for (const i of turn % 2 === 0 ? order : order.reverse()) {
      turns[i]?.push(await (servers[i] as RunningServer).turn(plan.seconds));
    }
  }
  return Object.fromEntries(servers.map(({ name }, i) => [name, sampleOf(turns[i] as Turn[])]));
}

function sampleOf(turns: readonly Turn[]): Sample {
  const sum = (value: (turn: Turn) => number): number =>
    turns.reduce((total, turn) => total + value(turn), 0);
  const answers = sum((turn) => turn.answers);
  return { perSecond: answers / sum((turn) => turn.seconds), cpuUs: sum((turn) => turn.cpuUs) / answers };
}

function progress(round: Round): string {
  return Object.values(round)
    .map(({ cpuUs, perSecond }) => `${cpuUs.toFixed(1)} us ${(perSecond / 1000).toFixed(1)}k/s`)
    .join(', ');
}
