// Starts VS Code, runs the scenarios one after the other, and says what was seen. See `run`.

import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { Editor, until } from './editor.mjs';
import { FILES, scenarios, write } from './scenarios.mjs';

const { CACHE } = process.env;
const only = process.argv[2] === '--only' ? process.argv[3] : '';
const folder = join(CACHE, 'run');
const workspace = join(CACHE, 'workspace');
const failures = join(CACHE, 'failures');
const vsix = join(import.meta.dirname, '../../../editors/vscode', `codegemma-${process.platform}-${process.arch}.vsix`);
for (const each of [workspace, failures]) {
    rmSync(each, { recursive: true, force: true });
    mkdirSync(each, { recursive: true });
}
for (const name of Object.keys(FILES)) {
    write(workspace, name);
}

const failed = [];
const run = async (name, scenario) => {
    const begin = Date.now();
    try {
        const note = await scenario();
        console.log(`ok    ${name}${note ? `: ${note}` : ''} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
        failed.push(name);
        const picture = join(failures, `${name.replaceAll(/\W+/g, '-')}.png`);
        const log = join(failures, 'server.log');
        await editor.page?.screenshot({ path: picture }).catch(() => {});
        copyFileSync(editor.log, log);
        console.log(`FAIL  ${name}: ${error.message}\n      screenshot: ${picture}\n      the server's log: ${log}`);
    }
};

const editor = await Editor.start(folder, vsix, workspace);
let count = 0;
try {
    for (const [name, scenario] of Object.entries(scenarios)) {
        if (name.includes(only)) {
            await run(name, () => scenario(editor));
            await editor.rest();
            count += 1;
        }
    }
} finally {
    const before = editor.servers().length;
    await editor.stop();
    await run('quit leaves no process behind', async () => {
        if (before === 0) {
            throw new Error('no server ran before the end, so that it left nothing says nothing');
        }
        await until('no server runs any more', () => editor.servers().length === 0, { patience: 15_000 });
    });
    count += 1;
}
console.log(`${count} scenarios, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);
