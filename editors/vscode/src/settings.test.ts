import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { check, type Schema } from './settings';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const properties: Record<string, Schema & { default: unknown; scope?: string }> =
    manifest.contributes.configuration.properties;
const schemas: Record<string, Schema> = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name.replace('codegemma.', ''), schema]),
);

test('every default is a value that may be set', () => {
    const defaults = Object.fromEntries(
        Object.entries(properties).map(([name, schema]) => [name.replace('codegemma.', ''), schema.default]),
    );
    assert.deepEqual(check(defaults, schemas).problems, []);
});

test('what the server needs to start is a flag, what may change is in its section, the rest stays here', () => {
    const values = {
        'model': '/m.gguf',
        'threads': 2,
        'contextTokens': null,
        'serverPath': ' /bin/x ',
        'trace.server': 'verbose',
        'maxTokens': 7,
        'context.imports': false,
        'context.openFiles': true,
        'languages': { markdown: { enabled: false } },
    };
    assert.deepEqual(check(values, schemas), {
        args: ['--model', '/m.gguf', '--threads', '2'],
        section: {
            maxTokens: 7,
            context: { imports: false, openFiles: true },
            languages: { markdown: { enabled: false } },
        },
        serverPath: '/bin/x',
        problems: [],
    });
});

test('a wrong value is named and left out', () => {
    const problems = (name: string, value: unknown) => {
        const checked = check({ [name]: value }, schemas);
        assert.deepEqual([checked.args, checked.section, checked.serverPath], [[], {}, ''], `${name} is left out`);
        return checked.problems.join('\n');
    };
    const expect = (name: string, value: unknown, problem: string) => assert.equal(problems(name, value), problem);
    expect('maxTokens', 'many', 'codegemma.maxTokens: expected a whole number, found "many"; the value is ignored.');
    expect('maxTokens', 0, 'codegemma.maxTokens: expected a number from 1 to 8192, found 0; the value is ignored.');
    expect('threads', 1.5, 'codegemma.threads: expected a whole number, found 1.5; the value is ignored.');
    expect('enabled', 'yes', 'codegemma.enabled: expected true or false, found "yes"; the value is ignored.');
    expect(
        'multiline',
        'no',
        'codegemma.multiline: expected one of auto, never, always, found "no"; the value is ignored.',
    );
    expect('model', 5, 'codegemma.model: expected a text, found 5; the value is ignored.');
    expect('serverPath', {}, 'codegemma.serverPath: expected a text, found {}; the value is ignored.');
    expect(
        'device',
        'gpu',
        'codegemma.device: expected one of auto, cpu, found "gpu"; the value is ignored.',
    );
    expect('exclude', ['a', 1], 'codegemma.exclude[1]: expected a text, found 1; the value is ignored.');
    expect(
        'languages',
        { c: { enabled: 1 } },
        'codegemma.languages.c.enabled: expected true or false, found 1; the value is ignored.',
    );
    expect(
        'languages',
        { c: { on: true } },
        'codegemma.languages.c: there is no setting "on"; the value is ignored.',
    );
});

test('a workspace cannot choose a program, a path or a device', () => {
    for (const name of ['serverPath', 'model', 'device', 'threads', 'contextTokens', 'cacheMiB']) {
        assert.equal(properties[`codegemma.${name}`]?.scope, 'machine', name);
    }
});
