import type { CallContext } from '@bp/core';
import { describe } from '@bp/core/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ResolvedBackpressureOptions } from '../options.ts';
import type { RouteSettings } from '../routes.ts';
import { requestDeadline } from './request-deadline.ts';
import { requestPriority } from './request-priority.ts';

/**
 * A request in front of the gates, and the context with which load sources decide. It has no cost: a source counts the call that
 * the handler makes, which the cost of the route does not describe.
 */
export interface AdmissionRequest extends Omit<CallContext, 'cost'> {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly settings: RouteSettings;
  readonly tier: string | undefined;
  readonly priority: number;
  readonly deadline: number | undefined;
  /** What the request costs its client's limit. */
  readonly tokens: number;
  /** The client; undefined until it is known, and on exempt routes. */
  readonly key: string | undefined;
  /** The time of the decision. */
  readonly now: number;
}

/**
 * Reads the claims of a request from its headers, bounded by its tier and route.
 * @throws TypeError if `tierOf` returns anything but a string or undefined.
 */
export function createAdmissionRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: RouteSettings,
  options: ResolvedBackpressureOptions,
): AdmissionRequest {
  const { headers } = request.raw;
  const now = options.clock.now();
  const tier = tierOf(request, options);
  const highest = settings.priority + (tier === undefined ? 0 : (options.tierPriorities.get(tier) ?? 0));
  return {
    request,
    reply,
    settings,
    tier,
    priority: requestPriority(headers, highest),
    deadline: settings.deadline && requestDeadline(headers, settings.deadline, now),
    tokens: settings.cost,
    key: undefined,
    now,
  };
}

/** The tier of a request. @throws TypeError if `tierOf` returns anything but a string or undefined. */
function tierOf(request: FastifyRequest, options: ResolvedBackpressureOptions): string | undefined {
  const tier = options.tierOf?.(request);
  if (tier !== undefined && typeof tier !== 'string') {
    throw new TypeError(`tierOf must return a string or undefined, got ${describe(tier)}`);
  }
  return tier;
}
