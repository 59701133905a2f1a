import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_LIMIT_MS = 60_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** An npm registry on loopback. It keeps `@bp/*` itself and fetches everything else from the registry of the machine. */
export class LocalRegistry implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly url: string;
  /** The environment in which npm uses this registry. */
  readonly env: NodeJS.ProcessEnv;

  private constructor(child: ChildProcess, url: string, env: NodeJS.ProcessEnv) {
    this.#process = child;
    this.url = url;
    this.env = env;
  }

  /** @param folder - an empty folder for its storage and configuration. */
  static async start(folder: string): Promise<LocalRegistry> {
    await mkdir(folder, { recursive: true });
    const { stdout } = await run('npm', ['config', 'get', 'registry']);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const config = join(folder, 'config.yaml');
    await writeFile(
      config,
      [
        `storage: ${join(folder, 'storage')}`,
        'uplinks:',
        '  npm:',
        `    url: ${stdout.trim()}`,
        'packages:',
        "  '@bp/*':",
        '    access: $all',
        '    publish: $all',
        "  '**':",
        '    access: $all',
        '    proxy: npm',
        'max_body_size: 50mb',
        'log: { type: stdout, format: pretty, level: error }',
        '',
      ].join('\n'),
    );
    const userConfig = join(folder, 'npmrc');
    await writeFile(userConfig, `registry=${url}\n//127.0.0.1:${port}/:_authToken=local\n`);
    const child = spawn(
      process.execPath,
      [resolve('node_modules/verdaccio/bin/verdaccio'), '--config', config, '--listen', `127.0.0.1:${port}`],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
    const env = {
      ...Object.fromEntries(inherited),
      NPM_CONFIG_USERCONFIG: userConfig,
      NPM_CONFIG_REGISTRY: url,
    };
    const registry = new LocalRegistry(child, url, env);
    await registry.#started();
    return registry;
  }

  async #started(): Promise<void> {
    const giveUp = performance.now() + START_LIMIT_MS;
    while (performance.now() < giveUp) {
      if (this.#process.exitCode !== null) break;
      const response = await fetch(`${this.url}-/ping`).catch(() => undefined);
      if (response?.ok) return;
      await new Promise((later) => setTimeout(later, 100));
    }
    await this[Symbol.asyncDispose]();
    throw new Error('the local registry did not start');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolveExit) => this.#process.once('exit', resolveExit));
    this.#process.kill();
    await exited;
  }
}
