import type { Clock } from '@bp/core';
import type { FastifyInstance } from 'fastify';

/** How long rejections are counted before one line tells of them. */
const REPORT_INTERVAL_MS = 10_000;

type Counts = Readonly<Record<'shuttingDown' | 'rateLimited' | 'overloaded', number>>;

/** How often each gate has rejected since the server started. */
export function rejectionsOf(app: FastifyInstance): Counts {
  const { shutdown, rate_limit, load, handler } = app.backpressure.stats().rejected;
  return { shuttingDown: shutdown, rateLimited: rate_limit, overloaded: load + handler };
}

/** One log line for all rejections of ten seconds, none if there were none, and one for each end of an overload. */
export function logRejections(app: FastifyInstance, clock: Clock): void {
  let told = rejectionsOf(app);
  const tell = (): void => {
    const total = rejectionsOf(app);
    const rejected = (Object.keys(total) as (keyof Counts)[])
      .map((kind) => [kind, total[kind] - told[kind]] as const)
      .filter(([, count]) => count > 0);
    told = total;
    if (rejected.length > 0) app.log.info({ rejected: Object.fromEntries(rejected) }, 'rejected');
    timer = clock.setTimer(tell, REPORT_INTERVAL_MS, { keepAlive: false });
  };
  let timer = clock.setTimer(tell, REPORT_INTERVAL_MS, { keepAlive: false });
  app.addHook('onClose', async () => timer.cancel());

  app.backpressure.onOverloadChange(({ overloaded, rejected, lastedMs }) => {
    if (overloaded) app.log.warn('overload began');
    else app.log.info({ rejected, lastedMs: Math.round(lastedMs) }, 'overload ended');
  });
}
