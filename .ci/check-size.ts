import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A source file holds one idea: above this many lines it holds two. */
const MAX_LINES = 300;

const files = execFileSync('git', ['ls-files', 'packages/*/src/*', 'apps/*/src/*'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file.endsWith('.ts'));
const complaints = files.flatMap((file) => {
  const lines = readFileSync(file, 'utf8').split('\n').length - 1;
  return lines > MAX_LINES ? [`${file} has ${lines} lines, ${MAX_LINES} are allowed`] : [];
});

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);
console.log(`size: ${files.length} source files of at most ${MAX_LINES} lines`);
