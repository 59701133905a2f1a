import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Consumer } from './consumer.ts';
import { LocalRegistry } from './registry.ts';
import { Workspace } from './workspace.ts';

/**
 * Does what a release does and what users do with it, on a registry on loopback: versions and publishes every package, installs
 * each alone, and compiles and runs the programs of its README on every supported runtime.
 */
const NODES = ['20', '22', '24', '26'];
const RUNTIMES: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: 'bun@1.4.5', command: ['bun', 'run'] },
  { name: 'deno@2.9.6', command: ['deno', 'run', '--allow-all', '--no-check'] },
];

const root = await mkdtemp(join(tmpdir(), 'bp-release-'));
const started = performance.now();
const say = (text: string): void =>
  console.log(`[${Math.round((performance.now() - started) / 1000)} s] ${text}`);

/** The path of an executable that a package of the npm registry brings. */
async function executable(specifier: string, name: string): Promise<string> {
  const args = ['--yes', '--package', specifier, '--call', `command -v ${name}`];
  const { stdout } = await promisify(execFile)('npx', args, { cwd: root });
  return stdout.trim();
}

async function publishAll(workspace: Workspace, registry: LocalRegistry): Promise<void> {
  await workspace.version();
  await workspace.publish(registry.env);
}

try {
  await using registry = await LocalRegistry.start(join(root, 'registry'));
  const workspace = await Workspace.copyTo(join(root, 'workspace'));
  await publishAll(workspace, registry);
  const first = await workspace.versions();
  say(`published ${[...first].map(([name, version]) => `${name} ${version}`).join(', ')}`);

  const consumers: Consumer[] = [];
  for (const name of await workspace.packages()) {
    const consumer = await Consumer.install(
      await workspace.manifest(name),
      join(root, 'consumers'),
      registry.env,
    );
    consumers.push(consumer);
    await consumer.compile();
    say(
      `@bp/${name} installs alone (with ${(await consumer.installed()).join(', ')}) and its README compiles`,
    );
  }
  for (const version of NODES) {
    const node = await executable(`node@${version}`, 'node');
    for (const consumer of consumers) {
      await consumer.runPrograms([node], 'mjs', process.env);
      await consumer.runPrograms([node], 'cjs', process.env);
    }
    say(`every README runs on Node ${version}, as ESM and CJS`);
  }
  for (const { name, command } of RUNTIMES) {
    const [file = '', ...args] = command;
    const path = await executable(name, file);
    for (const consumer of consumers) await consumer.runPrograms([path, ...args], 'mjs', process.env);
    say(`every README runs on ${name}`);
  }

  await workspace.addChangeset({ core: 'patch' }, 'A patch in core, to see which dependents move.');
  await publishAll(workspace, registry);
  const moved = [...(await workspace.versions())].filter(([name, version]) => first.get(name) !== version);
  say(`a patch in core moves ${moved.map(([name, version]) => `${name} to ${version}`).join(', ')}`);
} finally {
  await rm(root, { recursive: true, force: true });
}
