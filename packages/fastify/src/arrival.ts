import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { deadlineOf } from './gates/deadline.ts';
import type { ResolvedBackpressureOptions } from './options.ts';
import { priorityOf } from './priority.ts';
import type { RouteSettings } from './routes.ts';

/** A request before the gates, with the time at which it is judged. */
export interface Arrival {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly settings: RouteSettings;
  readonly tier: string | undefined;
  readonly cost: number;
  readonly priority: number;
  readonly deadline: number | undefined;
  /** Who asks, where a rate limit tells clients apart. */
  readonly key: string | undefined;
  readonly now: number;
}

/** Reads off the headers what a request asks for, and takes it at its word as far as its tier and route allow. */
export function arrive(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: RouteSettings,
  options: ResolvedBackpressureOptions,
): Arrival {
  const now = options.clock.now();
  const tier = options.tierOf?.(request);
  const { priority, deadline } = claim(request.raw.headers, tier, settings, options, now);
  const key = settings.rateLimit?.keyOf(request);
  return { request, reply, settings, tier, cost: settings.cost, priority, deadline, key, now };
}

/** What these headers may claim for a request of `tier`. */
export function claim(
  headers: IncomingHttpHeaders,
  tier: string | undefined,
  settings: RouteSettings,
  { tierPriorities }: ResolvedBackpressureOptions,
  now: number,
): Pick<Arrival, 'priority' | 'deadline'> {
  const highest = settings.priority + (tier === undefined ? 0 : (tierPriorities.get(tier) ?? 0));
  return {
    priority: priorityOf(headers, highest),
    deadline: settings.deadline === undefined ? undefined : deadlineOf(headers, settings.deadline, now),
  };
}
