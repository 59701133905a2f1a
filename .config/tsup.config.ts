import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { defineConfig } from 'tsup';

interface Manifest {
  readonly private?: boolean;
  readonly exports: Record<string, string | { readonly '@bp/source': string }>;
}

/** The types use `Disposable`, which no released `lib` of ECMAScript has: they bring the reference themselves. */
const DISPOSABLE = '/// <reference lib="esnext.disposable" />';

/**
 * One configuration for every package and app: the entries are read from its own `exports`. A package is built to be
 * imported from anywhere, an app (which is private) to be run by Node.
 */
export default defineConfig(async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as Manifest;
  const sources = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [entry['@bp/source']],
  );
  for (const source of sources)
    if (!existsSync(source)) throw new Error(`exports names ${source}: no such file`);
  return {
    entry: Object.fromEntries(
      sources.map((source) => [source.replace(/^\.\/src\//, '').replace(/\.ts$/, ''), source]),
    ),
    ...(manifest.private
      ? { format: ['esm'], target: 'node24', platform: 'node' }
      : { format: ['esm', 'cjs'], target: 'node20', platform: 'neutral', dts: { banner: DISPOSABLE } }),
    clean: true,
    treeshake: true,
    // Some runtimes know Node's modules by their full name alone.
    removeNodeProtocol: false,
    external: [/^node:/],
  };
});
