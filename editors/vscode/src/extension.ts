/**
 * CodeGemma in VS Code: it starts the server, shows its state, and has its commands. What is suggested is the server's
 * affair, and how that is shown is VS Code's.
 */

import * as vscode from 'vscode';

import * as commands from './commands';
import { Picker } from './picker';
import { Server } from './server';
import { RESTARTING } from './settings';
import { StatusItem } from './status';

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
    const log = vscode.window.createOutputChannel('CodeGemma', { log: true });
    const started = new Server(context, log);
    server = started;
    const picker = new Picker(context, started);
    context.subscriptions.push(
        log,
        started,
        new StatusItem(started),
        picker,
        commands.register(started, picker, log),
        vscode.workspace.onDidChangeConfiguration((change) => {
            if (RESTARTING.some((name) => change.affectsConfiguration(`codegemma.${name}`))) {
                void started.restart();
            } else if (change.affectsConfiguration('codegemma')) {
                void started.configure();
            }
        }),
        vscode.workspace.onDidGrantWorkspaceTrust(() => void started.restart()),
    );
    // Not waited for: VS Code goes on while the server starts.
    void started.restart();
}

export function deactivate(): Promise<void> | undefined {
    return server?.stop();
}
