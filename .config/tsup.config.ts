import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { defineConfig } from 'tsup';

interface Manifest {
  readonly exports: Record<string, string | { readonly '@bp/source': string }>;
}

/** One configuration for every package: the entries are read from the package's own `exports`. */
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
    format: ['esm', 'cjs'],
    target: 'node20',
    platform: 'neutral',
    dts: true,
    clean: true,
    treeshake: true,
  };
});
