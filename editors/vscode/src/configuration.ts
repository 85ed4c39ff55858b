/**
 * Reads and writes the user's settings in VS Code.
 *
 * It must not know what they do.
 */

import * as vscode from 'vscode';

import { check, type Checked, type Schema } from './settings';

const SECTION = 'codegemma';

type Languages = Record<string, { enabled?: boolean } | undefined>;

/** What is set, checked. Defaults are not among it: the server has its own, and files that come before them. */
export function settings(context: vscode.ExtensionContext): Checked {
    const properties: Record<string, Schema> = context.extension.packageJSON.contributes.configuration.properties;
    const configuration = vscode.workspace.getConfiguration(SECTION);
    const schemas: Record<string, Schema> = {};
    const values: Record<string, unknown> = {};
    for (const [property, schema] of Object.entries(properties)) {
        const name = property.slice(SECTION.length + 1);
        schemas[name] = schema;
        if (level(configuration, name) !== undefined) {
            values[name] = configuration.get(name);
        }
    }
    return check(values, schemas);
}

/** Whether the user paused everything. */
export function isOff(): boolean {
    return vscode.workspace.getConfiguration(SECTION).get('enabled') === false;
}

/** Whether the user paused this language. */
export function isLanguageOff(language: string): boolean {
    return languages()[language]?.enabled === false;
}

/** Whether nothing is to be suggested in this language. */
export function isPaused(language: string): boolean {
    return isOff() || isLanguageOff(language);
}

/** Pauses or resumes everything. */
export function setOff(off: boolean): Thenable<void> {
    return update('enabled', !off);
}

/** Pauses or resumes a language. */
export function setLanguageOff(language: string, off: boolean): Thenable<void> {
    const all = languages();
    return update('languages', { ...all, [language]: { ...all[language], enabled: !off } });
}

/** Chooses a model, for all workspaces. */
export function setModel(model: string): Thenable<void> {
    return vscode.workspace.getConfiguration(SECTION).update('model', model, vscode.ConfigurationTarget.Global);
}

/** The model that is chosen, or nothing. */
export function model(): string {
    return String(vscode.workspace.getConfiguration(SECTION).get('model') ?? '');
}

/** The `PATH` of an environment, in which Windows may write its name otherwise. */
export function pathOf(environment: NodeJS.ProcessEnv): string {
    return environment['PATH'] ?? environment['Path'] ?? '';
}

function languages(): Languages {
    const value = vscode.workspace.getConfiguration(SECTION).get('languages');
    return typeof value === 'object' && value !== null ? (value as Languages) : {};
}

/** Writes a setting where it is set, which is where it holds. */
function update(name: string, value: unknown): Thenable<void> {
    const configuration = vscode.workspace.getConfiguration(SECTION);
    return configuration.update(name, value, level(configuration, name) ?? vscode.ConfigurationTarget.Global);
}

/** The innermost level at which a setting is set, if it is. */
function level(configuration: vscode.WorkspaceConfiguration, name: string): vscode.ConfigurationTarget | undefined {
    const found = configuration.inspect(name);
    if (found?.workspaceFolderValue !== undefined) {
        return vscode.ConfigurationTarget.WorkspaceFolder;
    }
    if (found?.workspaceValue !== undefined) {
        return vscode.ConfigurationTarget.Workspace;
    }
    return found?.globalValue !== undefined ? vscode.ConfigurationTarget.Global : undefined;
}
