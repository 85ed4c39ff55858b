/**
 * What the user set, checked against the manifest, and where it goes: to the server's flags when it starts, or into the
 * section `codegemma` of its configuration while it runs.
 *
 * Pure: it must not know VS Code.
 */

/** The part of a JSON schema that the manifest uses. */
export interface Schema {
    type?: string | readonly string[];
    enum?: readonly unknown[];
    minimum?: number;
    maximum?: number;
    items?: Schema;
    properties?: Record<string, Schema>;
    additionalProperties?: boolean | Schema;
}

/** What goes where, and what is wrong. */
export interface Checked {
    /** The server's flags. */
    args: string[];
    /** The section `codegemma` of the server's configuration. */
    section: Record<string, unknown>;
    /** The path of the server, or nothing. */
    serverPath: string;
    /** A sentence for each value that was left out. */
    problems: string[];
}

/** Settings that hold from the server's start to its end, and their flags. */
const FLAGS: Record<string, string> = {
    model: '--model',
    device: '--device',
    threads: '--threads',
    contextTokens: '--context-tokens',
    cacheMiB: '--cache-mib',
};

/** Settings that stay with the editor. */
const OWN = ['serverPath', 'trace.server'];

/** Settings after a change of which the server starts anew. */
export const RESTARTING = ['serverPath', ...Object.keys(FLAGS)];

/**
 * Sorts and checks what is set. `values` has the settings that somebody set, by their names without `codegemma.`; what
 * nobody set is left to the server, which also reads files. `schemas` has all settings. A wrong value is left out.
 */
export function check(values: Readonly<Record<string, unknown>>, schemas: Readonly<Record<string, Schema>>): Checked {
    const checked: Checked = { args: [], section: {}, serverPath: '', problems: [] };
    for (const [name, value] of Object.entries(values)) {
        const problem = mismatch(`codegemma.${name}`, value, schemas[name] ?? {});
        if (problem !== undefined) {
            checked.problems.push(problem);
        } else if (name === 'serverPath') {
            checked.serverPath = String(value).trim();
        } else if (FLAGS[name] !== undefined) {
            if (value !== null && value !== '') {
                checked.args.push(FLAGS[name], String(value));
            }
        } else if (!OWN.includes(name)) {
            put(checked.section, name.split('.'), value);
        }
    }
    return checked;
}

/** What is wrong with a value, as a sentence, if anything is. */
function mismatch(name: string, value: unknown, schema: Schema): string | undefined {
    const wrong = (expected: string) =>
        `${name}: expected ${expected}, found ${JSON.stringify(value)}; the value is ignored.`;
    const types = schema.type === undefined ? [] : [schema.type].flat();
    if (types.length > 0 && !types.some((type) => isOf(type, value))) {
        return wrong(types.filter((type) => type !== 'null').map(words).join(' or '));
    }
    if (schema.enum !== undefined && !schema.enum.includes(value)) {
        return wrong(`one of ${schema.enum.join(', ')}`);
    }
    if (typeof value === 'number' && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value))) {
        return wrong(`a number from ${schema.minimum} to ${schema.maximum}`);
    }
    if (Array.isArray(value) && schema.items !== undefined) {
        const items = schema.items;
        return value.map((item, index) => mismatch(`${name}[${index}]`, item, items)).find((problem) => problem);
    }
    if (isOf('object', value)) {
        for (const [key, inner] of Object.entries(value as object)) {
            const known = schema.properties?.[key] ?? schema.additionalProperties;
            if (known === false) {
                return `${name}: there is no setting ${JSON.stringify(key)}; the value is ignored.`;
            }
            const problem = typeof known === 'object' ? mismatch(`${name}.${key}`, inner, known) : undefined;
            if (problem !== undefined) {
                return problem;
            }
        }
    }
    return undefined;
}

function isOf(type: string, value: unknown): boolean {
    switch (type) {
        case 'integer':
            return Number.isInteger(value);
        case 'array':
            return Array.isArray(value);
        case 'null':
            return value === null;
        case 'object':
            return typeof value === 'object' && value !== null && !Array.isArray(value);
        default:
            return typeof value === type;
    }
}

function words(type: string): string {
    const known: Record<string, string> = {
        boolean: 'true or false',
        integer: 'a whole number',
        number: 'a number',
        string: 'a text',
        array: 'a list',
        object: 'an object',
    };
    return known[type] ?? type;
}

function put(section: Record<string, unknown>, path: string[], value: unknown): void {
    const [first = '', ...rest] = path;
    if (rest.length === 0) {
        section[first] = value;
    } else {
        const inner = (section[first] ??= {}) as Record<string, unknown>;
        put(inner, rest, value);
    }
}
