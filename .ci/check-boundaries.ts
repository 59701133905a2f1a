import { readdir, readFile } from 'node:fs/promises';

/**
 * The arrows of the architecture: which @bp packages a package may depend on. That a package imports only what
 * its package.json lists is knip's part; that it lists only what it may is checked here.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  context: ['core'],
  'rate-limiter': ['core'],
  'bounded-queue': ['core'],
  'circuit-breaker': ['core'],
  retry: ['core'],
  concurrency: ['core', 'bounded-queue'],
  'worker-pool': ['core', 'concurrency'],
  'rate-limiter-redis': ['core', 'rate-limiter', 'circuit-breaker'],
  fastify: [
    'core',
    'context',
    'rate-limiter',
    'bounded-queue',
    'concurrency',
    'worker-pool',
    'circuit-breaker',
  ],
};

/** The helpers of its own ecosystem that an edge package may carry. */
const helpers: Readonly<Record<string, string>> = { '@bp/fastify': 'fastify-plugin' };

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(`${folder}/package.json`, 'utf8')) as Manifest;

const complaints: string[] = [];

for (const folder of await readdir('packages')) {
  const { name, dependencies = {} } = await readManifest(`packages/${folder}`);
  const arrows = allowed[folder];
  if (name !== `@bp/${folder}`) complaints.push(`packages/${folder} is named ${name}`);
  if (arrows === undefined) {
    complaints.push(`packages/${folder} has no arrows in .ci/check-boundaries.ts`);
    continue;
  }
  for (const dependency of Object.keys(dependencies)) {
    if (dependency === helpers[name]) continue;
    if (!arrows.some((target) => dependency === `@bp/${target}`)) {
      complaints.push(`${name} may not depend on ${dependency}`);
    }
  }
}

for (const folder of await readdir('apps')) {
  const manifest = await readManifest(`apps/${folder}`);
  if (manifest.private !== true) complaints.push(`apps/${folder} must be private`);
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    const app = (await readdir('apps')).includes(dependency);
    if (app) complaints.push(`apps/${folder} may not depend on another app: ${dependency}`);
  }
}

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);
console.log('boundaries: every arrow points down');
