import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LoadReport, Phase } from './load/tally.ts';
import type { Workload } from './work.ts';

/** A server under test and its arguments. */
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

/** Runs the server process of a candidate until it is disposed of. */
export class RunningServer implements Disposable {
  readonly #child: ChildProcess;
  readonly candidate: Candidate;
  readonly workload: Workload;
  readonly url: string;

  private constructor(child: ChildProcess, candidate: Candidate, workload: Workload, url: string) {
    this.#child = child;
    this.candidate = candidate;
    this.workload = workload;
    this.url = url;
  }

  static async start(candidate: Candidate, workload: Workload): Promise<RunningServer> {
    const { kind, args = [] } = candidate;
    const child = fork(file('server.ts'), [`--kind=${kind}`, `--workload=${workload}`, ...args], {
      execArgv: nodeArgs,
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new RunningServer(child, candidate, workload, `http://127.0.0.1:${port}/api/orders`);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  async usage(): Promise<Usage> {
    const usage = once(this.#child, 'message');
    this.#child.send('usage');
    return ((await usage) as [Usage])[0];
  }

  /** Offers the phases one after the other from a separate process; `used` is what the server used for all of them. */
  async load(phases: readonly Phase[], seed = 1): Promise<{ reports: readonly LoadReport[]; used: Usage }> {
    const child = fork(
      file('load/main.ts'),
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
