import type { Clock } from '@bp/core';
import type { FastifyInstance } from 'fastify';

/** Interval of the log lines that count rejections. */
const REPORT_INTERVAL_MS = 10_000;

type Counts = Readonly<Record<string, number>>;

/** Rejected requests since the start, by gate and by the primitive that rejected. */
interface RejectionTotals {
  readonly rejected: Counts;
  readonly rejectedBy: Counts;
}

/** Returns how many requests were rejected since the server started. Only counts above 0 are named. */
export function rejectionsOf(app: FastifyInstance): RejectionTotals {
  const { rejected, rejectedBy } = app.backpressure.stats();
  return { rejected: since({ ...rejected }, {}), rejectedBy: since(rejectedBy, {}) };
}

/** Logs the rejections of ten seconds in one line, none if there were none, and when an overload begins and ends. */
export function logRejections(app: FastifyInstance, clock: Clock): void {
  let reported = rejectionsOf(app);
  const report = (): void => {
    const total = rejectionsOf(app);
    const rejected = since(total.rejected, reported.rejected);
    const rejectedBy = since(total.rejectedBy, reported.rejectedBy);
    reported = total;
    if (Object.keys(rejected).length > 0) app.log.info({ rejected, rejectedBy }, 'rejected');
    timer = clock.setTimer(report, REPORT_INTERVAL_MS, { keepAlive: false });
  };
  let timer = clock.setTimer(report, REPORT_INTERVAL_MS, { keepAlive: false });
  app.addHook('onClose', async () => timer.cancel());

  app.backpressure.onOverloadChange(({ overloaded, rejected, lastedMs }) => {
    if (overloaded) app.log.warn('overload began');
    else app.log.info({ rejected, lastedMs: Math.round(lastedMs) }, 'overload ended');
  });
}

/** Returns the counts that have grown since `earlier`, by how much. */
function since(counts: Counts, earlier: Counts): Counts {
  const grown = Object.entries(counts).map(([name, count]) => [name, count - (earlier[name] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}
