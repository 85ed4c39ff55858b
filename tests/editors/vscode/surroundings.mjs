// What stands around the suggestions: the menu, the walkthrough, the explanation, and other extensions.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './editor.mjs';
import { begin, FILES, OPEN_LINE, typed, TYPESCRIPT } from './scenarios.mjs';

const VSCE = join(import.meta.dirname, '../../../editors/vscode/node_modules/.bin/vsce');

/** What another completion extension suggests, as ghost text and in the popup. */
const OTHER = { ghost: 'ght /* other */', item: 'height_of_other' };

/** Packages an extension that completes Python, as other completion extensions do, and gives the path of its package. */
export function otherExtension(folder) {
    const source = join(folder, 'other');
    mkdirSync(source, { recursive: true });
    const manifest = {
        name: 'other-completion',
        publisher: 'tests',
        version: '1.0.0',
        engines: { vscode: '^1.91.0' },
        main: './main.js',
        activationEvents: ['onLanguage:python'],
    };
    writeFileSync(join(source, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(source, 'main.js'), OTHER_MAIN);
    const vsix = join(folder, 'other.vsix');
    const flags = ['--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', vsix];
    execFileSync(process.execPath, [VSCE, 'package', ...flags], { cwd: source, stdio: 'pipe' });
    return vsix;
}

/** It is for one file only, so that all others show what is ours. */
const OTHER_MAIN = `
const vscode = require('vscode');
const selector = { language: 'python', pattern: '**/beside.py' };
exports.activate = (context) => {
    context.subscriptions.push(
        vscode.languages.registerInlineCompletionItemProvider(selector, {
            provideInlineCompletionItems: (document, position) =>
                document.lineAt(position).text.endsWith('hei')
                    ? [new vscode.InlineCompletionItem(${JSON.stringify(OTHER.ghost)}, new vscode.Range(position, position))]
                    : [],
        }),
        vscode.languages.registerCompletionItemProvider(selector, {
            provideCompletionItems: () => [new vscode.CompletionItem(${JSON.stringify(OTHER.item)})],
        }),
    );
};
`;

/** Opens the menu in the status bar and chooses an entry. For screen readers a row is its icon's name, two spaces, and the entry. */
async function choose(editor, label) {
    await editor.page.locator('.statusbar-item[id*="codegemma.status"] a').click();
    const rows = '.quick-input-list .monaco-list-row';
    const row = editor.page.locator(`${rows}[aria-label$="  ${label}"], ${rows}[aria-label*="  ${label},"]`);
    await row.click().catch(async (error) => {
        const labels = await editor.page.locator(rows).evaluateAll((all) => all.map((one) => one.ariaLabel));
        throw new Error(`the menu has no "${label}": it has ${JSON.stringify(labels)}`, { cause: error });
    });
}

export const surroundings = {
    'every entry of the menu': async (editor) => {
        await begin(editor, 'menu.py');
        await choose(editor, 'Pause');
        await editor.statusHas('Paused. Resume it');
        await choose(editor, 'Resume');
        await editor.statusHas('CodeGemma: ready');
        await choose(editor, 'Pause for python');
        await editor.statusHas('Paused for the language python');
        await choose(editor, 'Resume for python');
        await editor.statusHas('CodeGemma: ready');
        const [before] = editor.servers();
        await choose(editor, 'Restart');
        await until('another server runs', () => editor.servers().length === 1 && editor.servers()[0] !== before);
        await editor.statusHas('CodeGemma: ready');
        await choose(editor, 'Show log');
        await editor.page.locator('.part.panel select, .part.panel .monaco-select-box', { hasText: 'CodeGemma' }).first().waitFor();
        await editor.press('Control+j');
        await choose(editor, 'Explain this suggestion');
        await editor.page.locator('.tab', { hasText: 'Explanation.md' }).waitFor();
        await choose(editor, 'Settings');
        await editor.page.locator('.settings-editor .setting-item-label', { hasText: 'Max Tokens' }).first().waitFor();
    },

    'a model is chosen in the menu': async (editor) => {
        writeFileSync(join(editor.folder, 'broken.gguf'), 'This is no model.');
        await begin(editor, 'menu.py');
        const rows = editor.page.locator('.quick-input-list .monaco-list-row');
        await choose(editor, 'Choose model…');
        await rows.filter({ hasText: 'A GGUF file' }).click();
        const path = editor.page.locator('.quick-input-widget input[type="text"]');
        await until('the dialog asks for a file', async () => (await path.inputValue()).startsWith('/'));
        // The dialog goes on to fill in the folder that it begins with.
        const listed = async () => {
            await path.fill(`${editor.folder}/`);
            return rows.filter({ hasText: 'broken.gguf' }).click({ timeout: 2_000 }).then(() => true, () => false);
        };
        await until('the dialog lists the file', listed);
        await editor.message('broken.gguf');
        await editor.statusHas('CodeGemma: error');
        await choose(editor, 'Choose model…');
        await rows.filter({ hasText: 'The starter' }).click();
        await editor.statusHas('CodeGemma: ready');
        assert.ok(editor.commandLines().some((words) => words.join(' ').endsWith('--model starter')));
    },

    'a model that is here is chosen by its name': async (editor) => {
        await begin(editor, 'menu.py');
        const rows = editor.page.locator('.quick-input-list .monaco-list-row');
        await choose(editor, 'Choose model…');
        await rows.filter({ hasText: 'codegemma-2b:q4_k_m' }).first().waitFor();
        await rows.filter({ hasText: 'lm-studio:org/repo/tiny.gguf' }).click();
        await until('the server is started with it', () =>
            editor.commandLines().some((words) => words.join(' ').endsWith('--model lm-studio:org/repo/tiny.gguf')));
        await editor.statusHas('CodeGemma: ready');
        await choose(editor, 'Choose model…');
        await rows.filter({ hasText: 'The starter' }).click();
        await until('the starter is back', () =>
            editor.commandLines().some((words) => words.join(' ').endsWith('--model starter')));
    },

    'the walkthrough': async (editor) => {
        await editor.command('Welcome: Open Walkthrough');
        const row = editor.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Start with CodeGemma' });
        await row.first().click();
        const steps = editor.page.locator('.gettingStartedContainer .getting-started-step .step-title');
        await steps.first().waitFor();
        const titles = (await steps.allInnerTexts()).map((title) => title.trim());
        assert.deepEqual(titles, [
            'Type, and accept with Tab',
            'Take a word, a line, or another one',
            'Choose CodeGemma for work',
            'Pause it, or ask why',
        ]);
    },

    'beside another completion extension': async (editor) => {
        await editor.open('beside.py', OPEN_LINE);
        await editor.firstSuggestion();
        // While its popup is open, VS Code shows no ghost text that does not begin like what is chosen there.
        await editor.press('Control+Space');
        await editor.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: OTHER.item }).first().waitFor();
        await editor.press('Escape', 'Control+Alt+t');
        const shown = new Set([await editor.suggestion()]);
        // Next goes through what both suggest.
        for (let step = 0; step < 6 && shown.size < 3; step += 1) {
            await editor.press('Alt+]');
            shown.add(await editor.suggestion());
        }
        assert.ok(shown.has(OTHER.ghost), `theirs is not among ${JSON.stringify([...shown])}`);
        await until('ours is shown', async () => {
            const ghost = await editor.suggestion();
            return ghost !== OTHER.ghost || (await editor.press('Alt+]'));
        });
        const ours = await editor.suggestion();
        await editor.press('Tab');
        assert.equal(await editor.saved('beside.py'), typed('beside.py', `i${ours}`));
        return `"${ours}" beside "${OTHER.ghost}"`;
    },

    'explain a suggestion': async (editor) => {
        await begin(editor, 'explained.py');
        await editor.command('CodeGemma: Explain This Suggestion');
        await editor.page.locator('.view-line', { hasText: 'What is suggested here: line' }).waitFor();
        await editor.page.locator('.view-line', { hasText: 'prefix | explained.py' }).waitFor();
        // The page is a document that is neither on a disk nor untitled, as those of remote file systems are.
        await editor.page.locator('.tab', { hasText: 'Explanation.md' }).click();
        await editor.statusHas('Nothing is suggested in this document (codegemma-explanation)');
    },

    "beside VS Code's own TypeScript": async (editor) => {
        editor.settings({ 'editor.quickSuggestions': { other: 'on', comments: 'off', strings: 'off' }, 'editor.suggestOnTriggerCharacters': true });
        await editor.open('beside.ts', 12);
        await editor.page.locator('.squiggly-error').first().waitFor({ timeout: 60_000 });
        await editor.type('.');
        await editor.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'x' }).first().waitFor();
        await editor.press('Escape', 'Escape');
        await editor.type('x + point.');
        await editor.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'y' }).first().waitFor();
        await editor.press('Escape', 'Control+Alt+t');
        const suggestion = await editor.suggestion();
        await editor.press('Tab');
        assert.equal(await editor.saved('beside.ts'), TYPESCRIPT.replace('return point\n', `return point.x + point.${suggestion}\n`));
        return `"${suggestion}" after TypeScript's error and member list`;
    },

    'nothing is written into the workspace': async (editor) => {
        const names = readdirSync(editor.workspace).filter((name) => !(name in FILES));
        assert.deepEqual(names, []);
    },
};
