import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The fields of a package.json that the release check reads. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A copy of this repository, built, in which versions can be bumped and published without touching the original. */
export class Workspace {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies every tracked file and every build into `folder`. */
  static async copyTo(folder: string): Promise<Workspace> {
    const { stdout } = await run('git', ['ls-files', '-z'], { maxBuffer: 1 << 26 });
    for (const file of stdout.split('\0').filter((name) => name !== '')) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await cp(file, join(folder, file));
    }
    for (const name of await readdir('packages')) {
      await cp(join('packages', name, 'dist'), join(folder, 'packages', name, 'dist'), { recursive: true });
    }
    await symlink(resolve('node_modules'), join(folder, 'node_modules'), 'dir');
    const workspace = new Workspace(folder);
    await workspace.#git('init', '--quiet', '--initial-branch=main');
    await workspace.#commit('Start');
    return workspace;
  }

  /** The folders of the packages, `core` for `@bp/core`. */
  async packages(): Promise<string[]> {
    return readdir(join(this.folder, 'packages'));
  }

  async manifest(name: string): Promise<Manifest> {
    return JSON.parse(
      await readFile(join(this.folder, 'packages', name, 'package.json'), 'utf8'),
    ) as Manifest;
  }

  async versions(): Promise<Map<string, string>> {
    const versions = new Map<string, string>();
    for (const name of await this.packages()) versions.set(name, (await this.manifest(name)).version);
    return versions;
  }

  /** Adds a changeset: a release note and the bump of each package. */
  async addChangeset(
    bumps: Readonly<Record<string, 'patch' | 'minor' | 'major'>>,
    note: string,
  ): Promise<void> {
    const lines = Object.entries(bumps).map(([name, bump]) => `'@bp/${name}': ${bump}`);
    await writeFile(
      join(this.folder, '.changeset', 'release-check.md'),
      `---\n${lines.join('\n')}\n---\n\n${note}\n`,
    );
  }

  /** Turns the changesets into versions and changelogs. */
  async version(): Promise<void> {
    await this.#changeset(['version']);
    await this.#commit('Version');
  }

  /** Publishes every package whose version the registry lacks. */
  async publish(env: NodeJS.ProcessEnv): Promise<void> {
    await this.#changeset(['publish'], env);
  }

  async #changeset(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
    const cli = resolve('node_modules/@changesets/cli/bin.js');
    await run(process.execPath, [cli, ...args], { cwd: this.folder, env, maxBuffer: 1 << 26 });
  }

  async #commit(message: string): Promise<void> {
    await this.#git('add', '--all');
    await this.#git(
      '-c',
      'user.name=Release check',
      '-c',
      'user.email=release-check@localhost',
      'commit',
      '--quiet',
      `--message=${message}`,
    );
  }

  async #git(...args: readonly string[]): Promise<void> {
    await run('git', args, { cwd: this.folder, maxBuffer: 1 << 26 });
  }
}
