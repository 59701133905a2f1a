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
  readonly now: number;
}

/** Reads off the headers what a request asks for, and takes it at its word as far as its tier and route allow. */
export function arrive(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: RouteSettings,
  { clock, tierOf, tierPriorities }: ResolvedBackpressureOptions,
): Arrival {
  const { headers } = request.raw;
  const now = clock.now();
  const tier = tierOf?.(request);
  const highest = settings.priority + (tier === undefined ? 0 : (tierPriorities.get(tier) ?? 0));
  return {
    request,
    reply,
    settings,
    tier,
    cost: settings.cost,
    priority: priorityOf(headers, highest),
    deadline: settings.deadline === undefined ? undefined : deadlineOf(headers, settings.deadline, now),
    now,
  };
}
