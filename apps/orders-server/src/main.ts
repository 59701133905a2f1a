import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { buildApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { HttpPaymentGateway } from './orders/http-payment-gateway.ts';
import { startSimulatedGateway } from './simulated-gateway.ts';

/** How long sockets may take to close once the orders are drained. */
const SOCKET_GRACE_MS = 1_000;

function readConfig(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

const config = readConfig();
const log = pino({ level: config.LOG_LEVEL });

const gateway = new HttpPaymentGateway({
  url: config.PAYMENT_URL ?? (await startSimulatedGateway(config, log)),
  connections: config.PAYMENT_CONCURRENCY,
  timeoutMs: config.PAYMENT_TIMEOUT_MS,
});
const { app, drain } = await buildApp(config, { gateway, log });

// Signals are counted here, not there: npm and terminals deliver the same one twice, and that must not cost the orders.
const leave = closeWithGrace(
  { delay: config.SHUTDOWN_GRACE_MS + 2 * SOCKET_GRACE_MS, logger: log, skip: ['SIGTERM', 'SIGINT'] },
  async ({ err }) => {
    if (err !== undefined) log.fatal({ err }, 'stopping after an error nobody caught');
    await drain();
    setTimeout(() => app.server.closeAllConnections(), SOCKET_GRACE_MS).unref();
    await app.close();
    log.info('stopped');
  },
);
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    leave.close();
  });
}

await app.listen({ port: config.PORT, host: config.HOST });
