import type { Clock } from '@bp/core';
import type { FastifyInstance } from 'fastify';

/** Interval of the log lines that count rejections. */
const REPORT_INTERVAL_MS = 10_000;

type Counts = Readonly<Record<'shuttingDown' | 'rateLimited' | 'overloaded', number>>;

/** Returns how many requests each gate has rejected since the server started. */
export function rejectionsOf(app: FastifyInstance): Counts {
  const { shutdown, rate_limit, load, handler } = app.backpressure.stats().rejected;
  return { shuttingDown: shutdown, rateLimited: rate_limit, overloaded: load + handler };
}

/** Logs the rejections of ten seconds in one line, none if there were none, and when an overload begins and ends. */
export function logRejections(app: FastifyInstance, clock: Clock): void {
  let reported = rejectionsOf(app);
  const report = (): void => {
    const total = rejectionsOf(app);
    const rejected = (Object.keys(total) as (keyof Counts)[])
      .map((kind) => [kind, total[kind] - reported[kind]] as const)
      .filter(([, count]) => count > 0);
    reported = total;
    if (rejected.length > 0) app.log.info({ rejected: Object.fromEntries(rejected) }, 'rejected');
    timer = clock.setTimer(report, REPORT_INTERVAL_MS, { keepAlive: false });
  };
  let timer = clock.setTimer(report, REPORT_INTERVAL_MS, { keepAlive: false });
  app.addHook('onClose', async () => timer.cancel());

  app.backpressure.onOverloadChange(({ overloaded, rejected, lastedMs }) => {
    if (overloaded) app.log.warn('overload began');
    else app.log.info({ rejected, lastedMs: Math.round(lastedMs) }, 'overload ended');
  });
}
