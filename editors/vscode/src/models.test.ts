import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { commandLine, event, list, pull, size } from './models';

function program(script: string): string {
    const file = join(mkdtempSync(join(tmpdir(), 'models-')), 'codegemma-complete');
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
}

test('the command line is the one beside the server, else that on the PATH', () => {
    const beside = program('true');
    assert.equal(commandLine(join(beside, '..', 'codegemma-lsp')), beside);
    assert.equal(commandLine('/none/codegemma-lsp'), 'codegemma-complete');
});

test('what is not listed is nothing', async () => {
    assert.deepEqual(await list(program(`echo '{"models":[{"name":"starter"}]}'`)), { models: [{ name: 'starter' }], available: [] });
});

test('a pull tells how it goes and what it is called', async () => {
    const told: number[][] = [];
    const lines = ['note', '{"event":"progress","bytes":1,"total":4}', '{"event":"done","name":"m:q4_0"}'];
    const script = lines.map((line) => `echo '${line}'`).join('\n');
    const name = await pull(program(script), 'm', (bytes, total) => told.push([bytes, total]), new AbortController().signal);
    assert.deepEqual([name, told], ['m:q4_0', [[1, 4]]]);
});

test('a pull that fails says why, and one that is cancelled ends', async () => {
    const never = new AbortController().signal;
    await assert.rejects(pull(program(`echo '{"event":"error","message":"no room"}'; exit 1`), 'm', () => {}, never), /no room/);
    await assert.rejects(pull(program('echo refused >&2; exit 2'), 'm', () => {}, never), /refused/);
    const cancelled = new AbortController();
    setTimeout(() => cancelled.abort(), 50);
    await assert.rejects(pull(program('exec sleep 60'), 'm', () => {}, cancelled.signal), { name: 'AbortError' });
});

test('lines that say nothing are none', () => {
    assert.deepEqual(['', '[]', 'null', '{"event":1}', '{"event":"x"}'].map(event), [undefined, undefined, undefined, undefined, { event: 'x' }]);
    assert.deepEqual([size(5_623_456), size(1_630_262_400)], ['6 MB', '1.6 GB']);
});
