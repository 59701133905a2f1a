import { servers } from './servers.ts';

/** One server, in a process of its own. Tells its parent the port; answers any message with the CPU it has used. */
const create = servers[process.argv[2] ?? ''];
if (create === undefined)
  throw new RangeError(`the server must be one of ${Object.keys(servers).join(', ')}`);
const app = await create();
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
if (address === null || typeof address === 'string') throw new Error('no port');
process.send?.(address.port);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.on('disconnect', () => process.exit(0));
