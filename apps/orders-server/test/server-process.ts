import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { type LogLine, validOrder } from './build.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));

/** A server process, and what it has logged. */
export interface ServerProcess {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly lines: readonly LogLine[];
  /** The exit code, once it has exited. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Posts an order of `user`. */
  order(user: string, payload?: object): Promise<Response>;
  /** The JSON at a path of the server. */
  get(path: string, user?: string): Promise<Record<string, unknown>>;
  /** Changes the behaviour of the gateway. */
  control(behaviour: Record<string, number>): Promise<void>;
}

/** Runs a program of `src` with `env` and no other variable; kills it after the test. */
export function runMain(env: Readonly<Record<string, string>>, program = 'main'): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@bp/source', `src/${program}.ts`], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Starts a server on free ports and waits until it listens. Other load on the machine is no overload to it. */
export async function startServer(env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const child = runMain({ PORT: '0', GATEWAY_PORT: '0', MAX_LOOP_WAIT_MS: '60000', ...env });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const lines: LogLine[] = [];
  const errors: string[] = [];
  for (const [stream, take] of [
    [child.stdout, (line: string) => lines.push(JSON.parse(line) as LogLine)],
    [child.stderr, (line: string) => errors.push(line)],
  ] as const) {
    if (stream !== null) createInterface({ input: stream }).on('line', take);
  }
  const listening = (): string | undefined =>
    lines.map(({ msg }) => /^Server listening at (.*)$/.exec(msg)?.[1]).find((url) => url !== undefined);
  await expect.poll(listening, { timeout: 60_000, message: errors.join('\n') }).toBeDefined();

  const url = listening() ?? '';
  const gatewayUrl = String(lines.find(({ gateway }) => gateway !== undefined)?.gateway);
  return {
    url,
    gatewayUrl,
    lines,
    exited,
    kill: (signal) => void child.kill(signal),
    order: (user, payload = validOrder) =>
      fetch(`${url}/api/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-user-id': user },
        body: JSON.stringify(payload),
      }),
    get: async (path, user = 'monitor') =>
      (await fetch(url + path, { headers: { 'x-user-id': user } })).json() as Promise<
        Record<string, unknown>
      >,
    control: async (behaviour) => {
      const response = await fetch(`${gatewayUrl}/control`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(behaviour),
      });
      if (!response.ok) throw new Error(await response.text());
    },
  };
}

/** Sends `head`, then `more` every `everyMs` until the server closes the connection. Returns its answer and the time it took. */
export async function drip(
  url: string,
  head: string,
  more: string,
  everyMs: number,
): Promise<{ answer: string; seconds: number }> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.write(head);
  const sent = performance.now();
  const dripping = setInterval(() => socket.write(more), everyMs);
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
  } finally {
    clearInterval(dripping);
    socket.destroy();
  }
  return { answer, seconds: (performance.now() - sent) / 1_000 };
}
