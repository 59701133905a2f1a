import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { LoadReport } from './load.ts';
import type { Workload } from './work.ts';

/** A server under test and what it was told. */
export interface Candidate {
  readonly name: string;
  readonly kind: string;
  readonly args?: readonly string[];
}

const nodeArgs = ['--conditions=@bp/source'];
const file = (name: string): string => new URL(name, import.meta.url).pathname;

/** Starts a candidate, hands its URL to `use`, and stops it whatever happens. */
export async function withServer<T>(
  candidate: Candidate,
  workload: Workload,
  hashes: number,
  use: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const child = fork(
    file('server.ts'),
    [`--kind=${candidate.kind}`, `--workload=${workload}`, `--hashes=${hashes}`, ...(candidate.args ?? [])],
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

  /** Resident bytes of the server process. */
  async memory(): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send('memory');
    return ((await answer) as [{ memory: number }])[0].memory;
  }

  /** Offers `rate` requests per second for `seconds` from a process of its own. */
  async load(rate: number, seconds: number, seed = 1): Promise<LoadReport> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...nodeArgs,
        file('load.ts'),
        `--url=${this.url}`,
        `--rate=${rate}`,
        `--seconds=${seconds}`,
        `--seed=${seed}`,
      ],
      { maxBuffer: 10_000_000 },
    );
    return JSON.parse(stdout) as LoadReport;
  }
}
