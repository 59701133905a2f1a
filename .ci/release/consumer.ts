import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { type ReadmeProgram, readmePrograms } from '../../.config/readme.ts';
import type { Manifest } from './workspace.ts';

const run = promisify(execFile);
const RUN_LIMIT_MS = 60_000;

/** What a program of a README may need beside its package: the peers are installed, these are development tools of a user. */
const USERS_OWN: Readonly<Record<string, string>> = { '@types/node': '24' };

/** An empty project in which one published package is installed, and in which the programs of its README are run. */
export class Consumer {
  readonly #folder: string;
  readonly #name: string;
  #programs: readonly ReadmeProgram[] = [];

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** Installs `manifest` alone, with its peers and what its README imports, from the registry of `env`. */
  static async install(manifest: Manifest, root: string, env: NodeJS.ProcessEnv): Promise<Consumer> {
    const name = manifest.name.replace('@bp/', '');
    const folder = join(root, name);
    await mkdir(folder, { recursive: true });
    const programs = await readmePrograms(pathToFileURL(resolve('packages', name, 'README.md')));
    const siblings = programs.flatMap(({ source }) => source.match(/(?<=from ')@bp\/[^/']+/g) ?? []);
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({
        private: true,
        dependencies: {
          ...Object.fromEntries(siblings.map((sibling) => [sibling, 'latest'])),
          [manifest.name]: manifest.version,
          ...manifest.peerDependencies,
        },
        devDependencies: USERS_OWN,
      }),
    );
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, env });
    const consumer = new Consumer(folder, manifest.name);
    await consumer.#writePrograms();
    return consumer;
  }

  /** The packages of this repository that were installed: the package and what it depends on. */
  async installed(): Promise<readonly string[]> {
    return readdir(join(this.#folder, 'node_modules', '@bp'));
  }

  /** Compiles the programs as strict TypeScript, for Node's resolution and for bundlers. */
  async compile(): Promise<void> {
    const files = this.#programs.map((_, i) => `program-${i}.mts`);
    for (const options of [
      { module: 'node16', moduleResolution: 'node16' },
      { module: 'preserve', moduleResolution: 'bundler' },
    ]) {
      const compilerOptions = {
        ...options,
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable', 'DOM'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      };
      await writeFile(join(this.#folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      await this.#run(
        resolve('node_modules/.bin/tsc'),
        ['--project', 'tsconfig.json'],
        `types (${options.module})`,
      );
    }
  }

  /** Runs every program with `command`, and compares what it prints with the README. */
  async runPrograms(command: readonly string[], kind: 'mjs' | 'cjs', env: NodeJS.ProcessEnv): Promise<void> {
    const [file = '', ...args] = command;
    for (const [i, { output }] of this.#programs.entries()) {
      const printed = await this.#run(
        file,
        [...args, `program-${i}.${kind}`],
        `${command.join(' ')}, ${kind}`,
        env,
      );
      if (printed !== output) {
        throw new Error(
          `${this.#name}: README program ${i} printed, with ${command.join(' ')} as ${kind}:\n${printed}`,
        );
      }
    }
  }

  async #writePrograms(): Promise<void> {
    const readme = join(this.#folder, 'node_modules', this.#name, 'README.md');
    this.#programs = await readmePrograms(pathToFileURL(readme));
    if (this.#programs.length === 0) throw new Error(`${this.#name}: the README shows no program`);
    for (const [i, { source }] of this.#programs.entries()) {
      await writeFile(join(this.#folder, `program-${i}.mts`), source);
      await writeFile(join(this.#folder, `program-${i}.mjs`), transpile(source, ts.ModuleKind.ESNext));
      await writeFile(join(this.#folder, `program-${i}.cjs`), asCommonJs(source));
    }
  }

  async #run(file: string, args: readonly string[], what: string, env = process.env): Promise<string> {
    const options = { cwd: this.#folder, timeout: RUN_LIMIT_MS, env: { ...env, NO_COLOR: '1' } };
    try {
      return (await run(file, args, options)).stdout;
    } catch (error) {
      const { stdout = '', stderr = '', message = '' } = error as Record<string, string>;
      throw new Error(`${this.#name}: ${what} failed: ${message}\n${stdout}\n${stderr}`);
    }
  }
}

function transpile(source: string, module: ts.ModuleKind): string {
  return ts.transpileModule(source, { compilerOptions: { module, target: ts.ScriptTarget.ES2022 } })
    .outputText;
}

/** The same program for `require`: what follows its imports becomes an async function, because CommonJS has no top-level await. */
function asCommonJs(source: string): string {
  const file = ts.createSourceFile('program.ts', source, ts.ScriptTarget.Latest, true);
  const imports = file.statements.filter(ts.isImportDeclaration);
  const bodyAt = imports.at(-1)?.end ?? 0;
  const program = `${source.slice(0, bodyAt)}\nvoid (async () => {${source.slice(bodyAt)}\n})();`;
  return transpile(program, ts.ModuleKind.CommonJS);
}
