import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { find, verify } from './find';

function program(folder: string, script: string): string {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'codegemma-lsp');
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
}

test('the configured server comes first, then the carried one, then that on the PATH', () => {
    const root = mkdtempSync(join(tmpdir(), 'find-'));
    const [configured, carried, onPath] = ['a', 'b', 'c'].map((name) => program(join(root, name), 'true'));
    const [b, c, empty] = [join(root, 'b'), join(root, 'c'), join(root, 'none')];
    assert.equal(find(configured as string, b, c), configured);
    assert.equal(find('', b, c), carried);
    assert.equal(find('', empty, `${empty}:${c}`), onPath);
    assert.throws(() => find('', empty, empty), /not found.*cargo install/);
    assert.throws(() => find(empty, b, c), /no program at .*codegemma\.serverPath/);
});

test('only this server in this version will do', async () => {
    const root = mkdtempSync(join(tmpdir(), 'verify-'));
    await verify(program(root, 'echo codegemma-lsp 0.1.7'), '0.1.0');
    await assert.rejects(verify(program(root, 'echo codegemma-lsp 0.2.0'), '0.1.0'), /version 0\.2.*needs 0\.1\.0/);
    await assert.rejects(verify(program(root, 'echo clang 19'), '0.1.0'), /not codegemma-lsp.*clang 19/);
    await assert.rejects(verify(program(root, 'exit 3'), '0.1.0'), /cannot be started/);
});
