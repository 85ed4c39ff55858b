// Starts VS Code, runs the scenarios one after the other, and says what was seen. See `run`.

import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Editor, until } from './editor.mjs';
import { restricted, writeRestricted } from './restricted.mjs';
import { pictured } from './picture.mjs';
import { popup } from './popup.mjs';
import { FILES, scenarios, write } from './scenarios.mjs';
import { otherExtension, surroundings } from './surroundings.mjs';

const { CACHE } = process.env;

/** No scenario takes so many seconds, on a slow machine either. */
const LIMIT = 180;

const only = process.argv[2] === '--only' ? process.argv[3] : '';
const folder = join(CACHE, 'run');
const workspace = join(CACHE, 'workspace');
const untrusted = join(CACHE, 'untrusted');
const failures = join(CACHE, 'failures');
const vsix = join(import.meta.dirname, '../../../editors/vscode', `codegemma-${process.platform}-${process.arch}.vsix`);
for (const each of [workspace, untrusted, failures]) {
    rmSync(each, { recursive: true, force: true });
    mkdirSync(each, { recursive: true });
}
for (const name of Object.keys(FILES)) {
    write(workspace, name);
}
writeRestricted(untrusted);

const failed = [];
let count = 0;

/** Runs one scenario, and says what it saw. */
async function run(editor, name, scenario) {
    const begin = Date.now();
    count += 1;
    try {
        const late = sleep(LIMIT * 1000, undefined, { ref: false }).then(() => {
            throw new Error(`it has taken ${LIMIT} s`);
        });
        const note = await Promise.race([scenario(editor), late]);
        console.log(`ok    ${name}${note ? `: ${note}` : ''} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
        failed.push(name);
        const picture = join(failures, `${name.replaceAll(/\W+/g, '-')}.png`);
        const log = join(failures, 'server.log');
        await editor.page?.screenshot({ path: picture }).catch(() => {});
        if (existsSync(editor.log)) {
            copyFileSync(editor.log, log);
        }
        console.log(`FAIL  ${name}: ${error.message}\n      screenshot: ${picture}\n      the server's log: ${log}`);
    }
}

/** Starts VS Code with a workspace, runs those scenarios that are wanted, and ends it. */
async function drive(workspace, scenarios, options) {
    const named = Object.keys(scenarios).filter((name) => name.includes(only));
    if (named.length === 0) {
        return;
    }
    // The first one waits until VS Code asks for suggestions, which it does not in a new window; no other one does.
    const wanted = Object.entries(scenarios).filter(([name], place) => place === 0 || named.includes(name));
    const editor = await Editor.start(folder, vsix, workspace, options).catch((error) => {
        console.error(`VS Code does not start: ${error.message}\n      what it said: ${join(folder, 'code-server.log')}`);
        process.exit(1);
    });
    try {
        for (const [name, scenario] of wanted) {
            await run(editor, name, scenario);
            await editor.rest();
        }
    } finally {
        // One may be about to start, as the last scenario's settings are taken back.
        const ran = await until('a server runs', () => editor.servers().length > 0).catch(() => false);
        await editor.stop();
        await run(editor, 'quit leaves no process behind', async () => {
            if (!ran) {
                throw new Error('no server ran before the end, so that it left nothing says nothing');
            }
            await until('no server runs any more', () => editor.servers().length === 0, { patience: 15_000 });
        });
    }
}

await drive(workspace, { ...scenarios, ...popup, ...surroundings, ...pictured }, { others: [otherExtension(CACHE)] });
await drive(untrusted, restricted, { asksForTrust: true });
console.log(`${count} scenarios, ${failed.length} failed`);
process.exit(failed.length > 0 || count === 0 ? 1 : 0);
