import type { Clock } from '@bp/core';
import type { FastifyInstance } from 'fastify';

/** How long refusals are counted before one line tells of them. */
const REPORT_INTERVAL_MS = 10_000;

type Counts = Readonly<Record<'shuttingDown' | 'rateLimited' | 'overloaded', number>>;

/** How often each gate has refused since the server started. */
export function refusalsOf(app: FastifyInstance): Counts {
  const { shutdown, rate_limit, load, handler } = app.backpressure.stats().refused;
  return { shuttingDown: shutdown, rateLimited: rate_limit, overloaded: load + handler };
}

/** One log line for all refusals of ten seconds, none if there were none, and one for each end of an overload. */
export function logRefusals(app: FastifyInstance, clock: Clock): void {
  let told = refusalsOf(app);
  const tell = (): void => {
    const total = refusalsOf(app);
    const refused = (Object.keys(total) as (keyof Counts)[])
      .map((kind) => [kind, total[kind] - told[kind]] as const)
      .filter(([, count]) => count > 0);
    told = total;
    if (refused.length > 0) app.log.info({ refused: Object.fromEntries(refused) }, 'refused');
    timer = clock.setTimer(tell, REPORT_INTERVAL_MS, { keepAlive: false });
  };
  let timer = clock.setTimer(tell, REPORT_INTERVAL_MS, { keepAlive: false });
  app.addHook('onClose', async () => timer.cancel());

  app.backpressure.onOverloadChange(({ overloaded, refused, lastedMs }) => {
    if (overloaded) app.log.warn('overload began');
    else app.log.info({ refused, lastedMs: Math.round(lastedMs) }, 'overload ended');
  });
}
