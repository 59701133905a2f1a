import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** What a user of one package gets: packs every package, lints the tarballs, installs each alone, compiles against its types and loads it. */
const NODE_VERSIONS = ['20', '22', '24', '26'];

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}
interface Packed {
  readonly manifest: Manifest;
  readonly tarball: string;
}

const run = promisify(execFile);
const bin = (name: string): string => resolve('node_modules/.bin', name);

async function pack(folder: string, destination: string): Promise<Packed> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const packed = await run('npm', ['pack', '--json', '--pack-destination', destination], { cwd: folder });
  const [{ filename, files }] = JSON.parse(packed.stdout) as [
    { filename: string; files: readonly { path: string }[] },
  ];
  for (const file of ['README.md', 'LICENSE']) {
    if (!files.some(({ path }) => path === file))
      throw new Error(`${manifest.name}: no ${file} in the tarball`);
  }
  return { manifest, tarball: join(destination, filename) };
}

async function lint({ manifest, tarball }: Packed): Promise<void> {
  await run(bin('publint'), ['run', tarball, '--strict']);
  await run(bin('attw'), [tarball, '--profile', 'node16', '--exclude-entrypoints', './package.json']);
  console.log(`${manifest.name}: publint and attw are clean`);
}

/** Packages whose types need those of Node, because their framework's do. */
const NODE_TYPES = ['@bp/fastify'];

/** An empty folder with one package in it; the other packages are there only as far as it depends on them. */
async function installAlone(packed: Packed, all: readonly Packed[], root: string): Promise<string> {
  const folder = join(root, packed.manifest.name.replace('@bp/', ''));
  await mkdir(folder);
  const others = all.filter((other) => other !== packed);
  const consumer = {
    private: true,
    dependencies: { [packed.manifest.name]: `file:${packed.tarball}` },
    devDependencies: NODE_TYPES.includes(packed.manifest.name) ? { '@types/node': '24' } : {},
    overrides: Object.fromEntries(others.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`])),
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(consumer));
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });

  const entries = Object.keys(packed.manifest.exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => join(packed.manifest.name, entry));
  await writeFile(
    join(folder, 'esm.mjs'),
    entries
      .map((entry, i) => `import * as m${i} from '${entry}';\nif (!Object.keys(m${i}).length) throw 1;\n`)
      .join(''),
  );
  await writeFile(
    join(folder, 'cjs.cjs'),
    entries.map((entry) => `if (!Object.keys(require('${entry}')).length) throw 1;\n`).join(''),
  );
  await writeConsumers(packed.manifest, folder, entries);
  return folder;
}

/** What strict TypeScript users write: both module kinds in one program, a policy of their own, no library checks skipped. */
async function writeConsumers({ name }: Manifest, folder: string, entries: readonly string[]): Promise<void> {
  const imports = entries
    .map((entry, i) => `import * as m${i} from '${entry}';\nexport const k${i}: object = m${i};\n`)
    .join('');
  const policy = `
import { compose, isRejected, type CallContext, type Policy } from '@bp/core';
export const once: Policy = {
  async execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = {}): Promise<T> {
    return fn(ctx);
  },
};
export const both: Policy = compose(once, once);
export const code = (error: unknown): string => (isRejected(error) ? error.code : 'failed');
`;
  await writeFile(join(folder, 'consumer.mts'), imports + policy);
  await writeFile(
    join(folder, 'consumer.cts'),
    `${imports}${policy}export const together = import('./consumer.mjs').then((esm) => compose(once, esm.both));\n`,
  );
  for (const [file, options] of [
    ['tsconfig.node16.json', { module: 'node16', moduleResolution: 'node16' }],
    ['tsconfig.bundler.json', { module: 'preserve', moduleResolution: 'bundler' }],
  ] as const) {
    const compilerOptions = {
      ...options,
      target: 'ES2022',
      lib: ['ES2022', 'DOM'],
      types: NODE_TYPES.includes(name) ? ['node'] : [],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    };
    await writeFile(
      join(folder, file),
      JSON.stringify({ compilerOptions, files: ['consumer.mts', 'consumer.cts'] }),
    );
  }
}

async function checkTypes(folder: string): Promise<void> {
  for (const file of ['tsconfig.node16.json', 'tsconfig.bundler.json']) {
    await run(bin('tsc'), ['--project', join(folder, file)], { cwd: folder }).catch(
      (error: { stdout?: string }) => {
        throw new Error(`types of ${folder}, ${file}:\n${error.stdout}`);
      },
    );
  }
}

const root = await mkdtemp(join(tmpdir(), 'bp-packages-'));
try {
  const packed: Packed[] = [];
  for (const folder of await readdir('packages')) packed.push(await pack(join('packages', folder), root));
  for (const each of packed) await lint(each);

  const folders: string[] = [];
  for (const each of packed) folders.push(await installAlone(each, packed, root));
  for (const folder of folders) await checkTypes(folder);
  console.log('every package compiles under strict TypeScript, as node16 and bundler, ESM and CJS together');

  const script = folders
    .map((folder) => `node ${folder}/esm.mjs && node ${folder}/cjs.cjs`)
    .concat('node --version')
    .join(' && ');
  for (const version of NODE_VERSIONS) {
    const { stdout } = await run('npx', ['--yes', '--package', `node@${version}`, '--call', script], {
      cwd: root,
    });
    console.log(`every package loads as ESM and CJS on Node ${stdout.trim()}`);
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
