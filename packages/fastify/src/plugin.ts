import type { RequestContext } from '@bp/context';
import type { CallContext, Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Edge, routeSettings } from './edge.ts';
import { exportToOpenTelemetry } from './metrics/open-telemetry.ts';
import { exportToPrometheus } from './metrics/prometheus.ts';
import { type BackpressureOptions, resolveOptions } from './options.ts';
import type { OverloadChange } from './overload.ts';
import type { RouteBackpressureOptions } from './routes.ts';
import type { BackpressureStats } from './stats.ts';

/** What the plugin adds to the server as `app.backpressure`. */
export interface Backpressure {
  /** Whether `shutDown` was called, or the server is closing. */
  readonly shuttingDown: boolean;
  /** A snapshot; reading it costs nobody else anything. */
  stats(): BackpressureStats;
  /**
   * Rejects every request from now on, but those of exempt routes, with 503 and `Connection: close`, while those under way
   * go on; `app.close()` does it too. With a `deadline` on the plugin's clock, the time until then is the `Retry-After`.
   */
  shutDown(ctx?: CallContext): void;
  /** Calls `listener` when an overload begins, with the first rejection, and when it has ended, a second after the last. */
  onOverloadChange(listener: (change: OverloadChange) => void): Unsubscribe;
  /**
   * Answers `error` with 429, 503 or 504 and returns true if it is a `RejectedError`: for error handlers of routes
   * that do without `mapErrors`.
   */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** How the server stands under its load; by @bp/fastify. */
    readonly backpressure: Backpressure;
  }
  interface FastifyRequest {
    /** Deadline, priority and cancellation of this request, set when it was admitted; by @bp/fastify. */
    backpressure: RequestContext;
  }
  interface FastifyContextConfig {
    /** What is different on this route, or false for no gates at all; by @bp/fastify. */
    readonly backpressure?: RouteBackpressureOptions | false | undefined;
  }
}

async function register(app: FastifyInstance, given: BackpressureOptions): Promise<void> {
  const options = resolveOptions(given);
  const edge = new Edge(options);
  const stats = (): BackpressureStats => edge.stats();

  const backpressure: Backpressure = {
    get shuttingDown() {
      return edge.shuttingDown;
    },
    stats,
    shutDown: (ctx = EMPTY_CONTEXT) => edge.shutDown(ctx),
    onOverloadChange: (listener) => edge.onOverloadChange(listener),
    answer: (error, request, reply) => edge.answer(error, request, reply),
  };
  app.decorate('backpressure', backpressure);
  app.decorateRequest('backpressure');
  app.decorateRequest(routeSettings);
  const { registry, meter } = options.metrics;
  const stopExports = [
    registry === undefined ? () => {} : await exportToPrometheus(registry, stats),
    meter === undefined ? () => {} : exportToOpenTelemetry(meter, stats),
  ];

  app.addHook('onRoute', (route) => prepareRoute(route, edge));
  app.addHook('onRequest', edge.onRequest);
  app.addHook('preHandler', edge.preHandler);
  app.addHook('onReady', async () => {
    checkExempt(app, options.exempt);
    edge.start();
  });
  app.addHook('preClose', async () => edge.shutDown(EMPTY_CONTEXT));
  app.addHook('onClose', async () => {
    for (const stop of stopExports) stop();
    await edge.close();
  });
}

/** Checks what is different on a route, and puts the answer to rejections before its error handler. */
function prepareRoute(route: RouteOptions, edge: Edge): void {
  const { backpressure } = route.config ?? {};
  const settings = edge.settingsOf({ url: route.url, backpressure });
  const { mapErrors } = settings;
  if (!mapErrors) return;
  const own = route.errorHandler;
  // Of the route and not of the server: there the user's own handler stands, which everything else still reaches.
  route.errorHandler = (error, request, reply) => {
    if (edge.answer(error, request, reply)) return undefined;
    if (own !== undefined) return own.call(request.server, error, request, reply);
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
 * other plugins and routes: its gates stand where it was registered.
 *
 * @throws TypeError or RangeError (as a rejection) naming the first option that is wrong.
 */
export const backpressure = fastifyPlugin(register, { fastify: '5.x', name: '@bp/fastify' });
