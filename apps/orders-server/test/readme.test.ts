import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadConfig, variables } from '../src/config.ts';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');

describe('README', () => {
  it('lists every setting with its default, range and meaning, and no other', () => {
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` *\| *(.*?) *\| *(.*?) *\| *(.*?) *\|$/gm)].map((row) =>
      row.slice(1),
    );
    const settings = Object.entries(variables.properties).map(([name, schema]) => {
      const { description, minimum, maximum, enum: values } = schema as unknown as Record<string, unknown>;
      const value = loadConfig({})[name as keyof typeof variables.properties];
      const range =
        minimum === undefined ? (values as string[] | undefined)?.join(', ') : `${minimum} to ${maximum}`;
      // The only default that depends on another setting.
      if (name === 'QUEUE_CAPACITY') return [name, '3 x WORKERS', range, description];
      return [name, value === undefined ? '' : `\`${value}\``, range ?? '', description];
    });
    expect(rows).toEqual(settings);
  });
});
