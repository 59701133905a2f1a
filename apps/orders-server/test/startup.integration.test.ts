import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runMain } from './server-process.ts';

/** A port of this machine that is in use until the test ends. */
async function busyPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return String((server.address() as AddressInfo).port);
}

/** Runs a program until it exits. Returns its exit code and what it printed to stderr. */
async function runToExit(env: Record<string, string>, program?: string) {
  const child = runMain(env, program);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

// `npm run dev` runs the preflight before `node --watch`, which does not exit when the server fails to start.
describe.each(['main', 'preflight'])('%s', (program) => {
  it.each(['PORT', 'GATEWAY_PORT'])('exits with 1 and one line when %s is busy', async (variable) => {
    const port = await busyPort();
    const env = { PORT: '0', GATEWAY_PORT: '0', [variable]: port };
    expect(await runToExit(env, program)).toEqual({
      code: 1,
      stderr: `port ${port} on 127.0.0.1 is in use: stop the process that listens there, or set ${variable} to a free port\n`,
    });
  });

  it('exits with 1 and one line when it cannot listen on the address', async () => {
    const { code, stderr } = await runToExit({ HOST: '192.0.2.1', PORT: '8080', GATEWAY_PORT: '0' }, program);
    expect(code).toBe(1);
    expect(stderr).toBe('cannot listen on port 8080 of 192.0.2.1: EADDRNOTAVAIL\n');
  });

  it('exits with 1 and one line for each bad setting', async () => {
    expect(await runToExit({ PORT: 'http', WORKERS: '0' }, program)).toEqual({
      code: 1,
      stderr:
        'PORT must be an integer from 0 to 65535, got "http"\nWORKERS must be an integer from 1 to 1000000, got "0"\n',
    });
  });
});

it('preflight exits with 0 when the ports are free', async () => {
  expect(await runToExit({ PORT: '0', GATEWAY_PORT: '0' }, 'preflight')).toEqual({ code: 0, stderr: '' });
});
