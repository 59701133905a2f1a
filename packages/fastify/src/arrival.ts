import type { FastifyReply, FastifyRequest } from 'fastify';
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
