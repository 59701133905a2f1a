import type { RequestContext } from '@bp/context';
import type { Unsubscribe } from '@bp/core';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { drainAcceptQueue } from './accept-queue.ts';
import { AdmissionPipeline, type AdmissionPipelineParts, admissionOf } from './admission-pipeline.ts';
import { LoadGate } from './gates/load/load-gate.ts';
import { type OverloadChange, OverloadMonitor } from './gates/load/overload-monitor.ts';
import { ShutdownGate, type ShutdownOptions } from './gates/shutdown-gate.ts';
import { HandlerRejections } from './handler-rejections.ts';
import { exportToOpenTelemetry } from './metrics/open-telemetry.ts';
import { exportToPrometheus } from './metrics/prometheus.ts';
import { type BackpressureOptions, resolveOptions } from './options.ts';
import { readStats } from './read-stats.ts';
import { RejectionSender, type RequestRejection } from './rejection/rejection-sender.ts';
import { ActiveRequests } from './request/active-requests.ts';
import { type RouteBackpressureOptions, Routes } from './routes.ts';
import type { BackpressureStats } from './stats.ts';

/** What the plugin adds to the server as `app.backpressure`. */
export interface Backpressure {
  /** Whether `shutDown` was called, or the server is closing. */
  readonly shuttingDown: boolean;
  /** A snapshot of gauges and counters. */
  stats(): BackpressureStats;
  /**
   * Rejects every later request, except on exempt routes, with 503 and `Connection: close`. Active requests continue. `app.close()`
   * calls it. `withinMs` is the time until the server has ended, which `Retry-After` says; the first one stays.
   * @throws TypeError or RangeError naming a wrong option.
   */
  shutDown(options?: ShutdownOptions): void;
  /** Calls `listener` when an overload begins, with its first rejection, and when it ends, a second after its last. */
  onOverloadChange(listener: (change: OverloadChange) => void): Unsubscribe;
  /** Calls `listener` with every rejected request. */
  onRejected(listener: (rejected: RequestRejection) => void): Unsubscribe;
  /**
   * Answers `error` with 429, 503 or 504 and returns true if it is a `RejectedError`: for error handlers of routes with
   * `mapErrors: false`.
   */
  sendRejection(error: unknown, request: FastifyRequest, reply: FastifyReply): boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The state of the server under load; by @bp/fastify. */
    readonly backpressure: Backpressure;
  }
  interface FastifyRequest {
    /** Deadline, priority, key and cancellation of this request, set when it is admitted; by @bp/fastify. */
    backpressure: RequestContext;
  }
  interface FastifyContextConfig {
    /** What differs on this route, or false for no gates; by @bp/fastify. */
    readonly backpressure?: RouteBackpressureOptions | false | undefined;
  }
}

async function register(app: FastifyInstance, given: BackpressureOptions): Promise<void> {
  const options = resolveOptions(given, (err) => app.log.error({ err }, 'wrong answer of a load source'));
  const { clock, closeGraceMs, exempt } = options;
  const { logRejections = app.initialConfig.disableRequestLogging !== true } = options;
  const requests = new ActiveRequests(clock);
  const parts: AdmissionPipelineParts = {
    options,
    requests,
    routes: new Routes(options),
    sender: new RejectionSender({ ...options, logRejections }),
    shutdown: new ShutdownGate(clock),
    load: options.load && new LoadGate(clock, options.load, requests),
    overload: new OverloadMonitor(clock),
  };
  const { routes, sender, shutdown, load, overload } = parts;
  const pipeline = new AdmissionPipeline(parts);
  const handlerRejections = new HandlerRejections(parts);
  const stats = (): BackpressureStats => readStats(parts);

  const backpressure: Backpressure = {
    get shuttingDown() {
      return shutdown.started;
    },
    stats,
    shutDown: (shutdownOptions) => shutdown.start(shutdownOptions),
    onOverloadChange: (listener) => overload.onChange(listener),
    onRejected: (listener) => sender.onRejected(listener),
    sendRejection: (error, request, reply) => handlerRejections.send(error, request, reply),
  };
  app.decorate('backpressure', backpressure);
  app.decorateRequest('backpressure');
  app.decorateRequest(admissionOf);
  const { registry, meter } = options.metrics;
  const stopExports = [
    registry === undefined ? () => {} : await exportToPrometheus(registry, stats),
    meter === undefined ? () => {} : exportToOpenTelemetry(meter, stats),
  ];

  app.addHook('onRoute', (route) => prepareRoute(route, routes, handlerRejections));
  app.addHook('onRequest', pipeline.onRequest);
  app.addHook('preHandler', pipeline.preHandler);
  app.addHook('onReady', async () => {
    checkExempt(app, exempt);
    load?.start();
  });
  app.addHook('preClose', async () => {
    shutdown.start();
    await drainAcceptQueue(app.server, closeGraceMs);
  });
  app.addHook('onClose', async () => {
    for (const stop of stopExports) stop();
    load?.stop();
    overload.stop();
    await routes.close();
  });
}

/** Checks the options of a route, and answers rejections in front of its error handler. */
function prepareRoute(route: RouteOptions, routes: Routes, rejections: HandlerRejections): void {
  const { backpressure } = route.config ?? {};
  const { mapErrors } = routes.of({ url: route.url, backpressure });
  if (!mapErrors) return;
  const own = route.errorHandler;
  // Set on the route and not on the server: the user's own handler of the server stays in place for all other errors.
  route.errorHandler = (error, request, reply) => {
    if (rejections.send(error, request, reply)) return undefined;
    if (own !== undefined) return own.call(request.server, error, request, reply);
    // Fastify takes a sent value that is no Error for a payload; a rejected promise stays an error for the next handler.
    if (!(error instanceof Error)) return Promise.reject(error);
    reply.send(error);
    return undefined;
  };
}

function checkExempt(app: FastifyInstance, exempt: ReadonlySet<string>): void {
  for (const url of exempt) {
    if (!app.supportedMethods.some((method) => app.hasRoute({ method, url }))) {
      throw new RangeError(`exempt must name routes, got "${url}", which is not registered`);
    }
  }
}

/**
 * The plugin: `await app.register(backpressure, { rateLimit: { rate: 10 }, load: {}, deadline: {} })`. Register it before
 * routes: its hooks apply to what is registered later.
 *
 * @throws TypeError or RangeError (as a rejection) naming the first wrong option.
 */
export const backpressure = fastifyPlugin(register, { fastify: '5.x', name: '@bp/fastify' });
