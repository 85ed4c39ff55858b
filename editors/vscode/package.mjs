// Makes the .vsix: `npm run package`, here or from anywhere with `npm --prefix editors/vscode run package`.
//
// It carries a server, and the command line that lies beside it, where there is one: the one that the environment variable
// CODEGEMMA_LSP names, else the one that cargo has built for release; the package is then for this platform only. Without one it is for every platform, and
// the extension takes the server from the PATH or from its setting.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const ending = process.platform === 'win32' ? '.exe' : '';
const name = `codegemma-lsp${ending}`;
const run = (script, ...args) =>
    execFileSync(process.execPath, [join(here, 'node_modules', script), ...args], { cwd: here, stdio: 'inherit' });

const named = process.env.CODEGEMMA_LSP;
if (named && !existsSync(named)) {
    console.error(`CODEGEMMA_LSP names ${named}, and there is no such file.`);
    process.exit(1);
}
const server = named || built();
const folder = join(here, 'server');
rmSync(folder, { recursive: true, force: true });
if (server) {
    mkdirSync(folder);
    const beside = join(dirname(server), `codegemma-complete${ending}`);
    for (const program of [server, beside].filter(existsSync)) {
        const carried = join(folder, program === server ? name : basename(beside));
        copyFileSync(program, carried);
        chmodSync(carried, 0o755);
    }
}
copyFileSync(join(root, 'LICENSE'), join(here, 'LICENSE'));
rmSync(join(here, 'dist'), { recursive: true, force: true });
execFileSync('npm', ['run', '--silent', 'build'], { cwd: here, stdio: 'inherit', shell: process.platform === 'win32' });
const target = `${process.platform}-${process.arch}`;
const output = server ? `codegemma-${target}.vsix` : 'codegemma.vsix';
run('@vscode/vsce/vsce', 'package', '--no-dependencies', ...(server ? ['--target', target] : []), '--out', output);
console.log(`${basename(output)} ${server ? `carries ${server}` : 'carries no server'}.`);

/** The server that was built for release, wherever cargo builds; nothing where there is none, or no cargo. */
function built() {
    try {
        const words = ['metadata', '--format-version', '1', '--no-deps', '--offline'];
        const told = execFileSync('cargo', words, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
        const path = join(JSON.parse(told).target_directory, 'release', name);
        return existsSync(path) ? path : undefined;
    } catch {
        return undefined;
    }
}
