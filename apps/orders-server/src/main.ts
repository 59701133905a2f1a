import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { buildApp } from './app.ts';
import { HttpPaymentGateway } from './orders/http-payment-gateway.ts';
import { startSimulatedGateway } from './simulated-gateway.ts';
import { configOrExit, listeningOrExit } from './startup.ts';

/** Milliseconds that sockets may take to close after the orders are drained. */
const SOCKET_GRACE_MS = 1_000;

const config = configOrExit();
const log = pino({ level: config.LOG_LEVEL });

const gateway = new HttpPaymentGateway({
  url: config.PAYMENT_URL ?? (await listeningOrExit('GATEWAY_PORT', startSimulatedGateway(config, log))),
  connections: config.PAYMENT_CONCURRENCY,
  timeoutMs: config.PAYMENT_TIMEOUT_MS,
});
const { app, drain } = await buildApp(config, { gateway, log });

// The library would exit at the second signal, but npm and terminals deliver the same signal twice: signals are counted below.
const shutdown = closeWithGrace(
  { delay: config.SHUTDOWN_GRACE_MS + 2 * SOCKET_GRACE_MS, logger: log, skip: ['SIGTERM', 'SIGINT'] },
  async ({ err }) => {
    if (err !== undefined) log.fatal({ err }, 'stopping after an uncaught error');
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
    shutdown.close();
  });
}

await listeningOrExit('PORT', app.listen({ port: config.PORT, host: config.HOST }));
