import { createServer } from 'node:net';
import { configOrExit, listeningOrExit } from './startup.ts';

// `npm run dev` runs this first: `node --watch` keeps running after a failed start, so the process would never end.
const config = configOrExit();

async function checkPort(variable: string, port: number, host: string): Promise<void> {
  const server = createServer();
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  await listeningOrExit(variable, listening);
  await new Promise((resolve) => server.close(resolve));
}

await checkPort('PORT', config.PORT, config.HOST);
if (config.PAYMENT_URL === undefined) await checkPort('GATEWAY_PORT', config.GATEWAY_PORT, '127.0.0.1');
