"""A language server that follows a script, on stdin and stdout: for what a model cannot be relied on to do.

    scripted_server.py [--name NAME] [--version VERSION] [--item LABEL] [--log FILE]

It suggests what script.py says and, as LABEL, one item for completion menus. The commands that it is sent, and the
folders that are opened, go to FILE.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness.script import suggest  # noqa: E402

FULL = 1
INVOKED = 1


def read():
    """The next message, or None at the end."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def answer(request, result):
    body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    sys.stdout.buffer.flush()


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


def split(text, position):
    """The text before and after a position."""
    lines = text.split("\n")
    line = lines[position["line"]]
    column = len(line.encode("utf-16-le")[: 2 * position["character"]].decode("utf-16-le"))
    before = "\n".join([*lines[: position["line"]], line[:column]])
    return before, text[len(before) :]


def inline_items(text, parameters):
    crlf = "\r\n" in text
    before, after = split(text.replace("\r\n", "\n"), parameters["position"])
    others = [0, 1, 2] if parameters["context"]["triggerKind"] == INVOKED else [0]
    items = []
    for other in others:
        if found := suggest(before, after, other):
            rest, replaced = found
            start = parameters["position"]
            end = {**start, "character": start["character"] + utf16(replaced)}
            items.append({
                "insertText": rest.replace("\n", "\r\n") if crlf else rest,
                "range": {"start": start, "end": end},
                "command": {"title": "", "command": "codegemma.accepted", "arguments": [other]},
            })  # fmt: skip
    return {"items": items}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="codegemma-lsp")
    parser.add_argument("--version", default="99.0.0")
    parser.add_argument("--item")
    parser.add_argument("--log")
    flags = parser.parse_args()
    documents = {}
    while message := read():
        method, parameters = message.get("method"), message.get("params") or {}
        if method == "initialize":
            capabilities = {"textDocumentSync": FULL, "inlineCompletionProvider": True, "executeCommandProvider": {}}
            capabilities["workspace"] = {"workspaceFolders": {"supported": True, "changeNotifications": True}}
            if flags.item:
                capabilities = {"textDocumentSync": FULL, "completionProvider": {}, "hoverProvider": True}
            info = {"name": flags.name, "version": flags.version}
            answer(message, {"capabilities": capabilities, "serverInfo": info})
        elif method == "textDocument/didOpen":
            documents[parameters["textDocument"]["uri"]] = parameters["textDocument"]["text"]
        elif method == "textDocument/didChange":
            documents[parameters["textDocument"]["uri"]] = parameters["contentChanges"][-1]["text"]
        elif method == "textDocument/inlineCompletion":
            answer(message, inline_items(documents[parameters["textDocument"]["uri"]], parameters))
        elif method == "textDocument/completion":
            answer(message, [{"label": flags.item}])
        elif method == "textDocument/hover":
            answer(message, {"contents": f"hover of {flags.name}"})
        elif method == "exit":
            return
        else:
            if flags.log and method in ["workspace/executeCommand", "workspace/didChangeWorkspaceFolders"]:
                told = [parameters.get("command", method), parameters.get("arguments", parameters.get("event"))]
                with open(flags.log, "a") as log:
                    log.write(json.dumps(told) + "\n")
            if "id" in message:
                answer(message, None)


main()
