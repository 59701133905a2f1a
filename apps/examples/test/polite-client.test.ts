import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('polite-client: clients that follow Retry-After send fewer requests per answer and get at least as many answers', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@bp/source', 'src/polite-client.ts'],
    { cwd: new URL('..', import.meta.url), timeout: 60_000 },
  );
  const row = (what: string): [naive: number, polite: number] => {
    const [, naive, polite] = new RegExp(`^${what} +(\\S+) +(\\S+)$`, 'm').exec(stdout) ?? [];
    return [Number(naive), Number(polite)];
  };
  const answers = row('answers in time');
  const sent = row('requests sent');
  expect(answers[0], stdout).toBeGreaterThan(0);
  expect(answers[1], stdout).toBeGreaterThanOrEqual(answers[0]);
  expect(sent[1] / answers[1], stdout).toBeLessThan(sent[0] / answers[0]);
  expect(sent[1], 'it was overloaded for both').toBeGreaterThan(answers[1]);
}, 90_000);
