// What a user does, and what must be seen. Each scenario has a file of its own, and says in a few words what it measured.

import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from './editor.mjs';
import { FILES as POPUP_FILES } from './popup.mjs';

/** The longest time from opening a file to the first ghost text, in milliseconds. */
const FIRST = 2_000;

const PYTHON = readFileSync(join(import.meta.dirname, '../../../examples/rectangle.py'), 'utf8');

const RUST = `struct Rectangle {
\twidth: u32,
\theight: u32,
}

impl Rectangle {
\tfn area(&self) -> u32 {
\t\tself.width * self.height
\t}

\tfn perimeter(&self) -> u32 {
\t}
}
`;

const LINES = `class Rectangle:
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height
`;

/** What the picture shows. */
export const STACK = `class Stack:
    """A stack of numbers."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        """Remove the newest item and return it."""
`;

export const TYPESCRIPT = `interface Point {
    x: number;
    y: number;
}

export function add(first: Point, second: Point): Point {
    const wrong: string = 1;
    return { x: first.x + second.x, y: first.y + second.y };
}

export function sum(point: Point): number {
    return point
}
`;

/** The files of the workspace. */
export const FILES = {
    ...POPUP_FILES,
    'first.py': PYTHON,
    'starter.py': PYTHON,
    'stack.py': STACK,
    'second.py': PYTHON,
    'rectangle.py': PYTHON,
    'window.py': PYTHON,
    'word.py': PYTHON,
    'lines.py': LINES,
    'along.py': PYTHON,
    'away.py': PYTHON,
    'undo.py': PYTHON,
    'crlf.py': LINES.replaceAll('\n', '\r\n'),
    'emoji.py': PYTHON.replace('        return 2 * ', "        note = '😀👍🏽'; return 2 * "),
    'tabs.rs': RUST,
    'two.py': PYTHON,
    'live.py': PYTHON,
    'lively.py': LINES,
    'huge.py': 'x = 1\n'.repeat(9_000_000),
    'wrong.py': PYTHON,
    'killed.py': PYTHON,
    'loop.py': PYTHON,
    'missing.py': PYTHON,
    'version.py': PYTHON,
    'model.py': PYTHON,
    'invoked.py': PYTHON,
    'explained.py': PYTHON,
    'beside.ts': TYPESCRIPT,
    'beside.py': PYTHON,
    'menu.py': PYTHON,
    'readonly.py': PYTHON,
    'locked.py': PYTHON,
    'large.py': `${'value = compute(seed=17, limit=1000)\n'.repeat(280_000)}\n${PYTHON}`,
};

export function write(workspace, name) {
    writeFileSync(join(workspace, name), FILES[name]);
}

/** The line of `rectangle.py` that is not finished. */
export const OPEN_LINE = 15;

/** Opens a copy of `rectangle.py`, types an `i`, and gives the suggestion: some of `ght)`. */
export async function begin(editor, name) {
    await editor.open(name, OPEN_LINE);
    await editor.type('i');
    return editor.suggestion();
}

/** The text of a copy of `rectangle.py` after `typed` at its open end. */
export const typed = (name, text) => `${FILES[name].trimEnd()}${text}\n`;

export const scenarios = {
    // VS Code loads what shows inline suggestions some seconds after it has drawn a new window, and asks nobody before.
    'a new window': async (editor) => {
        const drawn = Date.now();
        await editor.statusHas('CodeGemma: ready');
        const ready = Date.now();
        await editor.open('window.py', OPEN_LINE);
        await editor.firstSuggestion();
        return `the server was ready ${ready - drawn} ms after the window, and ghost text came after ${Date.now() - drawn} ms`;
    },

    'open a file, type, see ghost text': async (editor) => {
        await editor.statusHas('CodeGemma: ready');
        const times = [];
        for (const name of ['first.py', 'second.py', 'rectangle.py']) {
            const opened = await editor.open(name, OPEN_LINE);
            await editor.type('i');
            assert.match(await editor.suggestion({ every: 5 }), /^ght/);
            times.push(Date.now() - opened);
        }
        const [, time] = times.toSorted((one, other) => one - other);
        assert.ok(time < FIRST, `from opening a file to its first ghost text it took ${times.join(', ')} ms, the median above ${FIRST} ms`);
        return `${times.join(', ')} ms from opening a file to its first ghost text`;
    },

    'accept all': async (editor) => {
        const suggestion = await begin(editor, 'rectangle.py');
        await editor.press('Tab');
        assert.equal(await editor.saved('rectangle.py'), typed('rectangle.py', `i${suggestion}`));
        return `"${suggestion}"`;
    },

    'accept a word': async (editor) => {
        const suggestion = await begin(editor, 'word.py');
        await editor.press('Control+ArrowRight');
        const rest = await until('the rest is shown', async () => {
            const ghost = await editor.ghost();
            return ghost !== '' && ghost !== suggestion && ghost;
        });
        const taken = suggestion.slice(0, suggestion.length - rest.length);
        assert.equal(taken + rest, suggestion);
        assert.equal(await editor.saved('word.py'), typed('word.py', `i${taken}`));
        return `"${taken}" of "${suggestion}"`;
    },

    'accept a line of several': async (editor) => {
        await editor.open('lines.py', 2);
        await editor.press('Enter');
        const suggestion = await editor.suggestion();
        assert.ok(suggestion.includes('\n'), `a suggestion of several lines was expected, not ${suggestion}`);
        await editor.press('Control+Alt+Enter');
        const [first] = suggestion.split('\n');
        const expected = LINES.replace('height):\n', `height):\n        ${first}\n`);
        const text = await until('the line is in the document', async () => {
            const saved = await editor.saved('lines.py');
            return saved.trimEnd().split('\n').length > 7 && saved;
        });
        // What VS Code takes as the line may have the line break with it.
        assert.ok(text.startsWith(expected.split('\n').slice(0, 3).join('\n')), text);
    },

    'type along: ghost text in every frame': async (editor) => {
        const suggestion = await begin(editor, 'along.py');
        const along = suggestion.slice(0, 3);
        assert.match(along, /^\w{3}$/);
        await editor.page.evaluate(() => window.record());
        await editor.type(along, 150);
        await sleep(200);
        const frames = await editor.page.evaluate(() => window.stopRecording());
        const dark = frames.filter((frame) => frame === '').length;
        assert.equal(dark, 0, `${dark} of ${frames.length} frames were without ghost text: ${JSON.stringify(frames)}`);
        assert.equal(frames.at(-1), suggestion.slice(3));
        assert.ok(frames.length >= 10, `only ${frames.length} frames were seen`);
        await editor.press('Tab');
        assert.equal(await editor.saved('along.py'), typed('along.py', `i${suggestion}`));
        return `${frames.length} frames, all with ghost text`;
    },

    'type away': async (editor) => {
        const suggestion = await begin(editor, 'away.py');
        await editor.type('zq');
        await until('the old suggestion is gone', async () => !suggestion.endsWith((await editor.ghost()) || '\0'));
        assert.equal(await editor.saved('away.py'), typed('away.py', 'izq'));
    },

    'undo takes back what was accepted, and no more': async (editor) => {
        await begin(editor, 'undo.py');
        await editor.press('Tab', 'Control+z');
        assert.equal(await editor.saved('undo.py'), typed('undo.py', 'i'));
    },

    'a file with CRLF keeps it on every line': async (editor) => {
        await editor.open('crlf.py', 2);
        await editor.press('Enter');
        const suggestion = await editor.suggestion();
        assert.ok(suggestion.includes('\n'), `a suggestion of several lines was expected, not ${suggestion}`);
        await editor.press('Tab');
        const text = await editor.saved('crlf.py');
        assert.equal(text.replaceAll('\r\n', '').includes('\n'), false, 'there is a bare line feed');
        assert.equal(text, LINES.replace('height):\n', `height):\n        ${suggestion}\n`).replaceAll('\n', '\r\n'));
    },

    'emoji before the cursor': async (editor) => {
        const suggestion = await begin(editor, 'emoji.py');
        await editor.press('Tab');
        assert.equal(await editor.saved('emoji.py'), typed('emoji.py', `i${suggestion}`));
    },

    'a file with tabs': async (editor) => {
        await editor.open('tabs.rs', 11);
        await editor.press('Enter');
        const suggestion = await editor.suggestion();
        await editor.press('Tab');
        const expected = RUST.replace('fn perimeter(&self) -> u32 {\n', `fn perimeter(&self) -> u32 {\n\t\t${suggestion}\n`);
        assert.equal(await editor.saved('tabs.rs'), expected);
    },

    'two files': async (editor) => {
        const python = await begin(editor, 'two.py');
        await editor.open('tabs.rs', 7);
        await editor.press('Enter');
        const rust = await editor.suggestion();
        assert.notEqual(rust, python);
        await editor.open('two.py', OPEN_LINE);
        await editor.type('g');
        // The word is the same; what comes after it may not be, since the model sees other files by now.
        const [word] = /^\w+/.exec(python.slice(1));
        assert.ok((await editor.suggestion()).startsWith(word));
    },

    'an untitled document': async (editor) => {
        await editor.press('Control+Alt+n');
        await editor.page.locator('.tab.active', { hasText: 'Untitled' }).waitFor();
        await editor.page.locator('.editor-group-container.active .monaco-editor.focused').waitFor();
        await sleep(300);
        await editor.type('self.width = width; self.height = hei', 40);
        return JSON.stringify(await editor.suggestion());
    },

    'ask for a suggestion': async (editor) => {
        const suggestion = await begin(editor, 'invoked.py');
        await editor.press('Escape');
        await until('it is dismissed', async () => (await editor.ghost()) === '');
        await editor.press('Control+Alt+t');
        assert.equal(await editor.suggestion(), suggestion);
        await editor.press('Alt+]');
        const next = await until('another candidate is shown', async () => {
            const ghost = await editor.suggestion();
            return ghost !== suggestion && ghost;
        });
        await editor.press('Alt+[');
        await until('the first one is back', async () => (await editor.ghost()) === suggestion);
        await editor.press('Alt+]');
        await until('the other one is back', async () => (await editor.ghost()) === next);
        await editor.press('Tab');
        assert.equal(await editor.saved('invoked.py'), typed('invoked.py', `i${next}`));
        return `"${suggestion}" at first, then "${next}"`;
    },

    'settings change live': async (editor) => {
        await begin(editor, 'live.py');
        const [pid] = editor.servers();
        editor.settings({ 'codegemma.languages': { python: { enabled: false } } });
        await editor.statusHas('Paused for the language python');
        await editor.press('Backspace');
        await editor.type('i');
        await sleep(700);
        assert.equal(await editor.ghost(), '');
        editor.settings({ 'codegemma.languages': { python: { enabled: true } }, 'codegemma.multiline': 'never' });
        await editor.statusHas('CodeGemma: ready');
        await sleep(1_000);
        await editor.open('lively.py', 2);
        await editor.press('Enter');
        const short = await editor.suggestion();
        assert.ok(!short.includes('\n'), `one line was expected, not ${short}`);
        editor.settings({ 'codegemma.languages': { python: { enabled: true } }, 'codegemma.multiline': 'auto' });
        await sleep(1_000);
        await editor.press('Escape', 'Control+z', 'Enter');
        await until('several lines are suggested', async () => (await editor.ghost()).includes('\n'));
        // What is not set any more is as if it never had been.
        editor.settings({ 'codegemma.multiline': 'never' });
        await sleep(1_000);
        await editor.press('Escape', 'Control+z', 'Enter');
        await until('one line is suggested', async () => /^[^\n]+$/.test(await editor.ghost()));
        editor.settings({});
        await sleep(1_000);
        await editor.press('Escape', 'Control+z', 'Enter');
        await until('several lines are suggested', async () => (await editor.ghost()).includes('\n'));
        assert.deepEqual(editor.servers(), [pid], 'the server ran on');
        await editor.command('CodeGemma: Pause');
        await editor.statusHas('Paused. Resume it');
        assert.equal((await editor.status()).icon, 'circle-slash');
        await editor.command('CodeGemma: Resume');
        await editor.statusHas('CodeGemma: ready');
    },

    'a setting of the wrong type': async (editor) => {
        editor.settings({ 'codegemma.maxTokens': 'many' });
        const message = await editor.message('codegemma.maxTokens: expected a whole number, found "many"');
        assert.match(message, /Open Settings/);
        await begin(editor, 'wrong.py');
        // As one of another version may.
        const refusing = program(editor, 'echo codegemma-lsp 0.1.0', 'echo "error: --threads: there are too few" >&2; exit 2');
        editor.settings({ 'codegemma.serverPath': refusing });
        assert.match(await editor.message('The server refused its settings'), /there are too few/);
        editor.settings({});
        await editor.statusHas('CodeGemma: ready');
    },

    'the server is killed and starts again': async (editor) => {
        await begin(editor, 'killed.py');
        const [before] = editor.servers();
        const killed = Date.now();
        process.kill(before, 'SIGKILL');
        await until('another one runs', () => editor.servers().some((pid) => pid !== before));
        await editor.statusHas('CodeGemma: ready');
        await editor.firstSuggestion('g');
        return `${Date.now() - killed} ms from its death to ghost text`;
    },

    'a server that crashes in a loop': async (editor) => {
        const script = program(editor, 'echo codegemma-lsp 0.1.0', 'echo out of order >&2; exit 1');
        editor.settings({ 'codegemma.serverPath': script });
        await editor.statusHas('starts again in');
        const message = await editor.message('ended unexpectedly 5 times', 40_000);
        assert.match(message, /It said: out of order/);
        assert.match(message, /Restart/);
        assert.equal((await editor.status()).icon, 'error');
        editor.settings({});
        await editor.statusHas('CodeGemma: ready');
        await begin(editor, 'loop.py');
    },

    'the server that comes with the extension, and the starter': async (editor) => {
        const [before] = editor.servers();
        // How sure the starter is of what it writes does not matter here.
        editor.settings({ 'codegemma.serverPath': '', 'codegemma.confidence': 0 });
        const plain = (words) => words[0].startsWith(editor.extensions) && words.length === 1;
        await until('it runs', () => !editor.servers().includes(before) && editor.commandLines().some(plain));
        await editor.statusHas('CodeGemma: ready');
        const suggestion = await begin(editor, 'starter.py');
        await editor.press('Escape');
        await until('it is dismissed', async () => (await editor.ghost()) === '');
        assert.equal(await editor.saved('starter.py'), typed('starter.py', 'i'));
        await editor.press('Control+Alt+t');
        assert.equal(await editor.suggestion(), suggestion);
        await editor.press('Tab');
        assert.equal(await editor.saved('starter.py'), typed('starter.py', `i${suggestion}`));
        return `"${suggestion}"`;
    },

    'no server': async (editor) => {
        editor.settings({ 'codegemma.serverPath': '/nowhere/codegemma-lsp' });
        const message = await editor.message('no program at /nowhere/codegemma-lsp');
        assert.match(message, /codegemma\.serverPath/);
        assert.match(message, /Open Settings/);
        editor.settings({});
        await editor.statusHas('CodeGemma: ready');
        await begin(editor, 'missing.py');
    },

    'a server of another version, and another program': async (editor) => {
        editor.settings({ 'codegemma.serverPath': program(editor, 'echo codegemma-lsp 9.9.9', 'exit 1') });
        await editor.message('is version 9.9, and this extension needs');
        editor.settings({ 'codegemma.serverPath': '/bin/ls' });
        await editor.message('/bin/ls is not codegemma-lsp');
        editor.settings({});
        await editor.statusHas('CodeGemma: ready');
        await begin(editor, 'version.py');
    },

    'no model': async (editor) => {
        editor.settings({ 'codegemma.model': '/nowhere/model.gguf' });
        const message = await editor.message('/nowhere/model.gguf');
        assert.match(message, /Choose Model/);
        await editor.statusHas('CodeGemma: error');
        assert.equal((await editor.status()).icon, 'error');
        editor.settings({});
        await editor.statusHas('CodeGemma: ready');
        await begin(editor, 'model.py');
        return message.slice(0, 160);
    },

    'restart by command': async (editor) => {
        const [before] = editor.servers();
        await editor.command('CodeGemma: Restart');
        await until('another one runs', () => editor.servers().length === 1 && editor.servers()[0] !== before);
        await editor.statusHas('CodeGemma: ready');
    },

    'a read-only file': async (editor) => {
        editor.settings({ 'files.readonlyInclude': { '**/readonly.py': true } });
        await editor.open('readonly.py', OPEN_LINE);
        await editor.type('i');
        await editor.page.locator('.monaco-editor-overlaymessage', { hasText: 'read-only' }).waitFor();
        editor.settings({});
    },

    'a file and a folder that cannot be written': async (editor) => {
        const file = join(editor.workspace, 'locked.py');
        chmodSync(file, 0o444);
        chmodSync(editor.workspace, 0o555);
        try {
            const suggestion = await begin(editor, 'locked.py');
            await editor.press('Tab', 'Control+s');
            await editor.message("Failed to save 'locked.py'");
            await editor.statusHas('CodeGemma: ready');
            return `"${suggestion}" is suggested, and VS Code says that it cannot save`;
        } finally {
            chmodSync(editor.workspace, 0o755);
        }
    },

    'a file of 10 MB': async (editor) => {
        // Colouring ghost text makes VS Code read all lines above it first, for half a minute here.
        editor.settings({ 'editor.inlineSuggest.syntaxHighlightingEnabled': false });
        const line = FILES['large.py'].trimEnd().split('\n').length;
        const opened = await editor.open('large.py', line);
        await editor.type('i');
        assert.match(await editor.suggestion(), /^ght/);
        return `${Date.now() - opened} ms from opening it to ghost text`;
    },

    'a huge file': async (editor) => {
        await editor.pick('huge.py', 'huge.py');
        await editor.press('Enter');
        await editor.statusHas('VS Code keeps documents above 50 MB', { patience: 30_000 });
    },
};

/** A program that says a version and does something else when it is to serve. */
function program(editor, version, serve) {
    const file = join(editor.folder, `program-${Date.now()}`);
    writeFileSync(file, `#!/bin/sh\nif [ "$1" = --version ]; then ${version}; else ${serve}; fi\n`);
    chmodSync(file, 0o755);
    return file;
}
