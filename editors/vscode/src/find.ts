/**
 * Finds the server and makes sure that it is one that this extension can talk to.
 *
 * It must not know VS Code: what is wrong is said in the error.
 */

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The server's name on this platform. */
const NAME = process.platform === 'win32' ? 'codegemma-lsp.exe' : 'codegemma-lsp';

/** A server that cannot say its version in this many milliseconds is none. */
const PATIENCE = 10_000;

/**
 * The path of the server: the one that is `configured`, else the one in `folder` (the extension's own), else the first on
 * the `PATH`. Fails where there is none.
 */
export function find(configured: string, folder: string, path = process.env['PATH'] ?? ''): string {
    if (configured !== '') {
        const expanded = configured.replace(/^~(?=[/\\]|$)/, homedir());
        if (!isExecutable(expanded)) {
            throw new Error(
                `There is no program at ${expanded}, which the setting codegemma.serverPath names. Correct it, or clear it to use the server that comes with the extension or is on the PATH.`,
            );
        }
        return expanded;
    }
    const folders = [folder, ...path.split(delimiter).filter((entry) => entry !== '')];
    const found = folders.map((entry) => join(entry, NAME)).find(isExecutable);
    if (found === undefined) {
        throw new Error(
            'The server codegemma-lsp was not found: it is neither in the extension nor on the PATH. Install it with "cargo install --path server" in its source tree, or name it in the setting codegemma.serverPath.',
        );
    }
    return found;
}

function isExecutable(file: string): boolean {
    try {
        accessSync(file, constants.X_OK);
        return true;
    } catch {
        return false;
    }
}

/** Asks the program for its version. Fails where it is not this server, or one of another version than `ours`. */
export async function verify(program: string, ours: string): Promise<void> {
    let answer: string;
    try {
        answer = (await promisify(execFile)(program, ['--version'], { timeout: PATIENCE })).stdout.trim();
    } catch (error) {
        const why = error instanceof Error ? error.message.trim() : String(error);
        throw new Error(
            `${program} cannot be started as codegemma-lsp (${why}). Check that it is built for this machine, or name another one in the setting codegemma.serverPath.`,
        );
    }
    const version = /^codegemma-lsp (\d+\.\d+)/.exec(answer)?.[1];
    if (version === undefined) {
        throw new Error(
            `${program} is not codegemma-lsp: asked for its version it says "${answer.slice(0, 80)}". Correct the setting codegemma.serverPath.`,
        );
    }
    if (!ours.startsWith(`${version}.`)) {
        throw new Error(
            `${program} is version ${version}, and this extension needs ${ours}. Install the server and the extension from the same release.`,
        );
    }
}
