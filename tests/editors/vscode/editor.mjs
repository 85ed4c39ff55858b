// VS Code as a test sees it: what is on the screen, and the keys. It must not know what the scenarios are.

import { execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createWriteStream, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { CACHE, CHROMIUM, CODEGEMMA_COMPLETE, SCRIPTED_LSP } = process.env;
const { chromium } = createRequire(join(CACHE, 'driver/'))('playwright-core');
const STARTER = join(import.meta.dirname, '../../../model/starter/starter.gguf');
const SCRIPT = join(import.meta.dirname, '../script.json');
const ENTRY = join(CACHE, 'code-server/node_modules/code-server/out/node/entry.js');

/** How long VS Code may take for anything, in milliseconds, on a slow machine. */
const PATIENCE = 30_000;

/** The same for its start. */
const STARTING = 180_000;

/** Root may write what nobody may write, and so finds nothing read-only; an editor's user is not root. */
const ORDINARY =
    process.getuid() === 0 ? ['setpriv', '--bounding-set=-dac_override', '--inh-caps=-dac_override'] : [];

/** Settings of the editor itself, without which a picture and a test would see other things than the extension. */
const EDITOR_SETTINGS = {
    'workbench.startupEditor': 'none',
    'workbench.colorTheme': 'Default Dark Modern',
    'workbench.welcomePage.walkthroughs.openOnInstall': false,
    'telemetry.telemetryLevel': 'off',
    'extensions.autoCheckUpdates': false,
    'chat.disableAIFeatures': true,
    'chat.commandCenter.enabled': false,
    'files.simpleDialog.enable': true,
    'git.enabled': false,
    'editor.minimap.enabled': false,
    'editor.fontSize': 15,
    'editor.cursorBlinking': 'solid',
    'files.autoSave': 'off',
    'window.restoreWindows': 'none',
    'window.confirmBeforeClose': 'never',
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    // The popup comes and goes on its own; only the scenario that is about it has it.
    'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
    'editor.suggestOnTriggerCharacters': false,
};

/** Commands of VS Code that have no key of their own, or one that the browser takes. */
const KEYS = {
    'ctrl+alt+n': 'workbench.action.files.newUntitledFile',
    'ctrl+alt+q': 'workbench.action.revertAndCloseActiveEditor',
    'ctrl+alt+t': 'editor.action.inlineSuggest.trigger',
    'ctrl+alt+c': 'notifications.clearAll',
};

/** Waits until `probe` gives something, and gives it back. */
export async function until(what, probe, { patience = PATIENCE, every = 50 } = {}) {
    const end = Date.now() + patience;
    for (;;) {
        const found = await probe();
        if (found) {
            return found;
        }
        if (Date.now() > end) {
            throw new Error(`waited ${patience / 1000} s in vain until ${what}`);
        }
        await sleep(every);
    }
}

export class Editor {
    /** Installs the extension, and others beside it, and starts VS Code in an empty home of its own under `folder`. */
    static async start(folder, vsix, workspace, { asksForTrust = false, others = [] } = {}) {
        const editor = new Editor();
        Object.assign(editor, { folder, workspace, asksForTrust, extensions: join(folder, 'extensions') });
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(join(folder, 'data/User'), { recursive: true });
        mkdirSync(join(folder, 'data/Machine'));
        editor.settings({});
        const keys = Object.entries(KEYS).map(([key, command]) => ({ key, command }));
        writeFileSync(join(folder, 'data/User/keybindings.json'), JSON.stringify(keys));
        const flags = ['--user-data-dir', join(folder, 'data'), '--extensions-dir', editor.extensions];
        const packages = [vsix, ...others].flatMap((each) => ['--install-extension', each]);
        execFileSync(process.execPath, [ENTRY, ...flags, ...packages], { stdio: 'pipe' });
        // The server with the model that follows the script. It has a log: VS Code's output is not written here for want
        // of a native module.
        mkdirSync(join(folder, 'scripted'));
        const server = join(folder, 'scripted/codegemma-lsp');
        symlinkSync(SCRIPTED_LSP, server);
        editor.log = join(folder, 'server.log');
        editor.scripted = join(folder, 'scripted-server');
        const serve = `CODEGEMMA_SCRIPT=${SCRIPT} exec ${server} --log ${editor.log} --log-level debug "$@"`;
        const script = `#!/bin/sh\nif [ "$1" = --version ]; then exec ${server} --version; fi\n${serve}\n`;
        writeFileSync(editor.scripted, script, { mode: 0o755 });
        // The command line lies beside it, and a model in a store of the home.
        symlinkSync(CODEGEMMA_COMPLETE, join(folder, 'codegemma-complete'));
        mkdirSync(join(folder, '.lmstudio/models/org/repo'), { recursive: true });
        symlinkSync(STARTER, join(folder, '.lmstudio/models/org/repo/tiny.gguf'));
        editor.settings({});
        const port = await freePort();
        const log = createWriteStream(join(folder, 'code-server.log'));
        const [program, ...words] = [...ORDINARY, process.execPath];
        editor.process = spawn(
            program,
            [...words, ENTRY, ...flags, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry']
                .concat(['--disable-update-check', '--disable-getting-started-override'])
                .concat(asksForTrust ? [] : ['--disable-workspace-trust']),
            { env: { ...process.env, CODEGEMMA_MODEL: '', HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') } },
        );
        editor.process.stdout.pipe(log);
        editor.process.stderr.pipe(log);
        editor.address = `http://127.0.0.1:${port}/`;
        const listens = () => fetch(`${editor.address}healthz`).then((answer) => answer.ok, () => false);
        await until('code-server listens', listens, { patience: STARTING });
        editor.browser = await chromium.launch({
            executablePath: CHROMIUM,
            args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
        });
        await editor.reload();
        return editor;
    }

    /** Opens the workspace in a new page. */
    async reload() {
        await this.page?.close();
        this.page = await this.browser.newPage({ viewport: { width: 1100, height: 700 } });
        this.page.setDefaultTimeout(PATIENCE);
        await this.page.goto(`${this.address}?folder=${encodeURIComponent(this.workspace)}`, { timeout: STARTING });
        await this.page.waitForSelector('.monaco-workbench .explorer-folders-view .monaco-list-row', { timeout: STARTING });
        await this.page.waitForSelector('.statusbar-item[id*="codegemma"]', { timeout: STARTING });
        await this.page.evaluate(PROBE);
    }

    async stop() {
        await this.browser?.close();
        if (this.process && this.process.exitCode === null) {
            const ended = new Promise((resolve) => this.process.once('exit', resolve));
            this.process.kill('SIGTERM');
            await Promise.race([ended, sleep(10_000)]);
        }
    }

    /** Sets these settings, which VS Code takes over live. In a browser it watches the file of the machine's settings only. */
    settings(own) {
        const trust = { 'security.workspace.trust.enabled': this.asksForTrust, 'security.workspace.trust.startupPrompt': 'never' };
        const all = { ...EDITOR_SETTINGS, ...trust, 'codegemma.serverPath': this.scripted ?? '', ...own };
        writeFileSync(join(this.folder, 'data/Machine/settings.json'), JSON.stringify(all, null, 4));
    }

    /** The processes of the server that run in this VS Code. */
    servers() {
        return readdirSync('/proc')
            .filter((name) => /^\d+$/.test(name))
            .filter((pid) => {
                try {
                    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
                    const ours = words[0].startsWith(this.folder) && words[0].endsWith('/codegemma-lsp');
                    return ours && words[1] !== '--version';
                } catch {
                    return false;
                }
            })
            .map(Number);
    }

    /** Writes into the box of quick open, and waits until what it is about is what Enter takes. */
    async pick(words, wanted) {
        await this.press('Control+P');
        await this.page.locator('.quick-input-widget input[type="text"]').fill(words);
        await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: wanted }).waitFor();
    }

    /** The words with which the servers were started. */
    commandLines() {
        return this.servers().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1));
    }

    /** Opens a file of the workspace with the cursor at the end of a line, counted from 1; gives the time when it did. */
    async open(name, line) {
        await this.pick(`${name}:${line}:1000`, name);
        const begin = Date.now();
        await this.press('Enter');
        await this.page.locator('.tab.active', { hasText: name }).waitFor();
        await this.page.locator('.statusbar-item', { hasText: `Ln ${line}, Col` }).waitFor();
        await this.page.locator('.editor-group-container.active .monaco-editor.focused .view-line').first().waitFor();
        // VS Code adds what watches for typing to a new editor a moment after it is drawn; nobody types that soon.
        await sleep(300);
        return begin;
    }

    /** Runs a command from the palette, by its title. */
    async command(title) {
        await this.pick(`>${title}`, title);
        await this.press('Enter');
    }

    async press(...keys) {
        for (const key of keys) {
            await this.page.keyboard.press(key);
        }
    }

    async type(text, delay = 0) {
        await this.page.keyboard.type(text, { delay });
    }

    /** The suggestion on the screen: what stands in the cursor's line, and the lines below; empty where there is none. */
    ghost() {
        return this.page.evaluate(() => window.ghostText?.() ?? '');
    }

    /** Waits for a suggestion that is drawn to its end: two looks at it show the same. */
    suggestion(options) {
        let before = '';
        const settled = async () => {
            const now = await this.ghost();
            const same = now === before;
            before = now;
            return same && now;
        };
        return until('a suggestion is on the screen', settled, options);
    }

    /**
     * Types a character until it is followed by a suggestion. In a new window VS Code asks nobody for some seconds, and a
     * server that says that it is ready is asked a moment later.
     */
    async firstSuggestion(character = 'i') {
        const shown = async () => {
            await this.type(character);
            const ghost = await this.suggestion({ patience: 500 }).catch(() => '');
            return ghost !== '' || (await this.press('Backspace'));
        };
        await until('VS Code shows inline suggestions', shown, { patience: 30_000 });
    }

    /** Saves the document that is shown, and gives its text as it is on the disk. */
    async saved(name) {
        await this.press('Control+S');
        await this.page.locator('.tab.active:not(.dirty)').waitFor();
        return readFileSync(join(this.workspace, name), 'utf8');
    }

    /** The item in the status bar: its text, with the icon's name, and its whole label. */
    async status() {
        const item = this.page.locator('.statusbar-item[id*="codegemma.status"]');
        const icon = await item.locator('.codicon').first().getAttribute('class');
        const label = await item.locator('a').first().getAttribute('aria-label');
        return { text: (await item.innerText()).trim(), icon: /codicon-([\w-]+)/.exec(icon)?.[1], label };
    }

    /** Waits until the label of the status bar's item has this in it. */
    statusHas(words, options) {
        const has = async () => ((await this.status()).label ?? '').includes(words);
        return until(`the status bar says "${words}"`, has, options);
    }

    /** Waits for a message with these words, and gives its whole text, buttons included. */
    async message(words, patience = 20_000) {
        const toast = this.page.locator('.notification-toast', { hasText: words }).first();
        await toast.waitFor({ timeout: patience });
        // Its buttons are drawn after its text.
        await sleep(500);
        return (await toast.innerText()).replace(/\s+/g, ' ');
    }

    /** Puts everything as it was before a scenario: no own settings, no messages, no documents. */
    async rest() {
        this.settings({});
        // What a command set stands in the user's own file.
        writeFileSync(join(this.folder, 'data/User/settings.json'), '{}');
        await this.press('Escape', 'Escape', 'Control+Alt+c');
        const tabs = this.page.locator('.tab');
        const closed = async () => {
            await this.press('Control+Alt+q');
            await sleep(100);
            return (await tabs.count()) === 0;
        };
        await until('all documents are closed', closed, { patience: 20_000 });
    }
}

/** Runs in the page: reads the ghost text, and records what each frame shows. */
const PROBE = `
window.ghostText = () => {
    const text = (nodes) => [...nodes].map((node) => node.textContent).join('').replaceAll('\\u00a0', ' ').replaceAll('\\u00b7', ' ');
    // A notebook's cells lie outside of the group that shows them.
    const focused = document.querySelector('.monaco-editor.focused');
    const editor = focused ?? document.querySelector('.editor-group-container.active .monaco-editor') ?? document;
    const inline = text(editor.querySelectorAll('[class*="ghost-text-decoration"]'));
    const below = [...editor.querySelectorAll('.suggest-preview-text .view-line, .ghost-text .view-line')].map((line) => text([line]));
    return [inline, ...below].join('\\n').replace(/^\\n$/, '');
};
window.record = () => {
    const frames = [];
    const frame = () => {
        frames.push(window.ghostText());
        window.recording = requestAnimationFrame(frame);
    };
    window.recording = requestAnimationFrame(frame);
    window.stopRecording = () => {
        cancelAnimationFrame(window.recording);
        return frames;
    };
};`;

function freePort() {
    return new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}
