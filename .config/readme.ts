import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A program of a README and what the README says it prints. */
export interface ReadmeProgram {
  readonly source: string;
  readonly output: string;
}

/** Returns every ```ts block of `file` that a ```text block follows. A ts block without one is an error: no test would run it. */
export async function readmePrograms(file: URL): Promise<ReadmeProgram[]> {
  const markdown = await readFile(file, 'utf8');
  const blocks = [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => ({
    language,
    text: text ?? '',
  }));
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'ts') return [];
    const next = blocks[index + 1];
    if (next?.language !== 'text')
      throw new Error(`a ts block without its output in ${file.pathname}:\n${text}`);
    return [{ source: text, output: next.text }];
  });
}

/** Runs a program as a user would, from the folder of its README, and returns what it printed. */
export async function runProgram(program: ReadmeProgram, readme: URL): Promise<string> {
  const running = promisify(execFile)(
    process.execPath,
    ['--conditions=@bp/source', '--input-type=module-typescript', '--eval', program.source],
    // A runner that wants colours asks for them in the environment.
    {
      cwd: new URL('.', readme),
      timeout: 30_000,
      env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: '0' },
    },
  );
  return (await running).stdout;
}
