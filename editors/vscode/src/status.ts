/**
 * The item in the status bar, its menu, and the message where the user has to do something.
 *
 * It must not know the protocol.
 */

import * as vscode from 'vscode';

import { isLanguageOff, isOff } from './configuration';
import { SCHEMES, type Server, type Status } from './server';

/** VS Code keeps documents above this size from extensions. */
const LARGEST = '50 MB';

export class StatusItem implements vscode.Disposable {
    private readonly item = vscode.window.createStatusBarItem('codegemma.status', vscode.StatusBarAlignment.Right, 100);
    private readonly listeners: vscode.Disposable[];
    /** What the user was told last, so that it is told once. */
    private told = '';

    constructor(private readonly server: Server) {
        this.item.name = 'CodeGemma';
        this.item.command = 'codegemma.showMenu';
        this.listeners = [
            server.onStatus((status) => {
                this.show();
                this.tell(status);
            }),
            vscode.window.onDidChangeActiveTextEditor(() => this.show()),
            vscode.window.tabGroups.onDidChangeTabs(() => this.show()),
            vscode.workspace.onDidChangeConfiguration(() => this.show()),
        ];
        this.show();
        this.item.show();
    }

    dispose(): void {
        this.item.dispose();
        vscode.Disposable.from(...this.listeners).dispose();
    }

    private show(): void {
        void vscode.commands.executeCommand('setContext', 'codegemma.paused', isOff());
        const { status } = this.server;
        const off = whyOff();
        const state = status.state !== 'error' && off !== undefined ? 'off' : status.state;
        this.item.text = text(state, status);
        this.item.accessibilityInformation = { label: `CodeGemma: ${state}. ${off ?? status.message}` };
        this.item.backgroundColor =
            state === 'error' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
        const lines = [state === 'off' ? (off ?? status.message) : status.message];
        if (status.model) {
            lines.push(`Model: ${status.model}`);
        }
        if (status.lastRequest !== undefined) {
            lines.push(last(status.lastRequest));
        }
        lines.push('Click for the menu.');
        this.item.tooltip = new vscode.MarkdownString().appendText(lines.join('\n\n'));
    }

    private tell(status: Status): void {
        if (!status.needsHelp) {
            this.told = status.state === 'ready' ? '' : this.told;
            return;
        }
        if (status.message === this.told) {
            return;
        }
        this.told = status.message;
        const remedies: Record<string, string> = {
            'Choose Model': 'codegemma.chooseModel',
            'Restart': 'codegemma.restartServer',
            'Open Settings': 'codegemma.openSettings',
            'Show Log': 'codegemma.showLog',
        };
        void vscode.window.showErrorMessage(`CodeGemma: ${status.message}`, ...Object.keys(remedies)).then((answer) => {
            const command = answer === undefined ? undefined : remedies[answer];
            if (command !== undefined) {
                void vscode.commands.executeCommand(command);
            }
        });
    }
}

function text(state: Status['state'], status: Status): string {
    switch (state) {
        case 'loading':
            return `$(loading~spin) CodeGemma${status.progress === undefined ? '' : ` ${Math.round(status.progress)} %`}`;
        case 'ready':
            return '$(check) CodeGemma';
        case 'busy':
            return '$(sync~spin) CodeGemma';
        case 'off':
            return '$(circle-slash) CodeGemma';
        case 'error':
            return '$(error) CodeGemma';
    }
}

function last(request: NonNullable<Status['lastRequest']>): string {
    if (request.reason) {
        return `Last request: nothing was suggested: ${request.reason_text ?? request.reason}`;
    }
    return request.source === 'model'
        ? `Last request: ${request.generated_tokens} tokens in ${request.prefill_ms + request.decode_ms} ms`
        : 'Last request: answered from the suggestion before it';
}

/** Why nothing is suggested in the document that is shown, in words, if that is so whatever the server does. */
function whyOff(): string | undefined {
    if (isOff()) {
        return 'Paused. Resume it in the menu.';
    }
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined) {
        const tab = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
        return tab instanceof vscode.TabInputText
            ? `Nothing is suggested in this document. VS Code keeps documents above ${LARGEST} from extensions.`
            : undefined;
    }
    if (isLanguageOff(document.languageId)) {
        return `Paused for the language ${document.languageId}. Resume it in the menu.`;
    }
    const { scheme } = home(document);
    if (!SCHEMES.includes(scheme)) {
        return `Nothing is suggested in this document (${scheme}): only files on a disk and untitled documents are completed.`;
    }
    if (vscode.workspace.getConfiguration('editor', document).get('inlineSuggest.enabled') === false) {
        return 'Nothing is suggested because VS Code shows no inline suggestions: turn on the setting editor.inlineSuggest.enabled.';
    }
    return undefined;
}

/** Where a document is: that of a notebook's cell is where the notebook is. */
function home(document: vscode.TextDocument): vscode.Uri {
    const has = (notebook: vscode.NotebookDocument): boolean =>
        notebook.getCells().some((cell) => cell.document === document);
    return (vscode.workspace.notebookDocuments.find(has) ?? document).uri;
}
