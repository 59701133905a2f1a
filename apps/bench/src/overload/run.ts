import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadReport } from './load.ts';
import type { Workload } from './work.ts';

/** A server under test and what it was told. */
export interface Candidate {
  readonly name: string;
  readonly kind: string;
  readonly args?: readonly string[];
}

const nodeArgs = ['--conditions=@bp/source', '--expose-gc'];
const file = (name: string): string => new URL(name, import.meta.url).pathname;

/** What a server process has used since it started. */
export interface Usage {
  /** Resident bytes. */
  readonly memory: number;
  /** Bytes of objects in use. */
  readonly heap: number;
  readonly cpuMs: number;
}

/** One stretch of a load. */
export interface Phase {
  readonly rate: number;
  readonly seconds: number;
}

/** Starts a candidate, hands it to `use`, and stops it whatever happens. */
export async function withServer<T>(
  candidate: Candidate,
  workload: Workload,
  use: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const child = fork(
    file('server.ts'),
    [`--kind=${candidate.kind}`, `--workload=${workload}`, ...(candidate.args ?? [])],
    { execArgv: nodeArgs },
  );
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return await use(new RunningServer(child, `http://127.0.0.1:${port}/api/orders`));
  } finally {
    child.kill('SIGKILL');
  }
}

export class RunningServer {
  readonly #child: ChildProcess;
  readonly url: string;

  constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  async usage(): Promise<Usage> {
    const answer = once(this.#child, 'message');
    this.#child.send('usage');
    return ((await answer) as [Usage])[0];
  }

  /** Offers the phases one after the other from a process of its own; what the server used for it is told with the last. */
  async load(phases: readonly Phase[], seed = 1): Promise<{ reports: readonly LoadReport[]; used: Usage }> {
    const child = fork(
      file('load.ts'),
      [`--url=${this.url}`, `--phases=${JSON.stringify(phases)}`, `--seed=${seed}`],
      { execArgv: nodeArgs },
    );
    try {
      await once(child, 'message');
      const before = await this.usage();
      child.send('go');
      const [reports] = (await once(child, 'message')) as [LoadReport[]];
      const after = await this.usage();
      return { reports, used: { ...after, cpuMs: after.cpuMs - before.cpuMs } };
    } finally {
      child.kill('SIGKILL');
    }
  }
}
