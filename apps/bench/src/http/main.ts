import { parseArgs } from 'node:util';
import { writeReport } from './report.ts';
import { measure } from './rounds.ts';
import { BARE, servers } from './servers.ts';

/** The question: what do the gates cost a request that all of them admit? */
const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: Object.keys(servers).join(';') },
    rounds: { type: 'string', default: '9' },
    turns: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '0.25' },
    'warm-up': { type: 'string', default: '8' },
    out: { type: 'string', default: 'results' },
  },
});

const names = values.servers.split(';');
console.log(names.join('; '));
const rounds = await measure(names, {
  rounds: Number(values.rounds),
  turnsARound: Number(values.turns),
  seconds: Number(values.seconds),
  warmUpSeconds: Number(values['warm-up']),
});
console.log(await writeReport(rounds, BARE, values.out));
process.exit(0);
