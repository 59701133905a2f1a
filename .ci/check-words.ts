import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Sources, tests and READMEs use plain technical English; recorded results are left out: no word of `banned-words.txt` stands in them. */
const exceptions: readonly { readonly file: string; readonly text: RegExp; readonly why: string }[] = [
  { file: 'apps/orders-server/README.md', text: /connection refused/g, why: 'the name of ECONNREFUSED' },
];

const words = readFileSync('.ci/banned-words.txt', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const banned = new RegExp(`\\b(?:${words.join('|')})\\b`, 'i');

const files = execFileSync('git', ['ls-files', '*.ts', '*.md', '.changeset'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(ts|md)$/.test(file) && !/CHANGELOG\.md$|\/results\/|check-words\.ts$/.test(file));

const complaints = files.flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const allowed = exceptions.filter((exception) => exception.file === file);
      const text = allowed.reduce((rest, exception) => rest.replace(exception.text, ''), line);
      const word = banned.exec(text)?.[0];
      return word === undefined ? [] : [`${file}:${index + 1}: "${word}" in: ${line.trim().slice(0, 120)}`];
    }),
);

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);
console.log(`words: ${files.length} files without a banned word`);
