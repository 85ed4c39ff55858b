#!/usr/bin/env python3
"""How long messages wait that need no model: a change, a cancellation, and a request that is refused at once.

    python3 tests/waits/measure.py [--server scripted-lsp] [--messages 10000] [--model MODEL]

Meanwhile a Python file of 20,000 lines with errors everywhere is edited and asked about; the answers are four candidates
of 200 loose brackets each, which are judged against the file's syntax; every core computes; and each look at a file takes
50 ms, as on a slow network. The server is `scripted-lsp`, whose model follows a script; with --model it is that server with
a real model, which computes itself. A wait is the time from the first byte of a message until the answer, of a change until the
answer to a refused request behind it. Run it on a machine that does nothing else; Linux only.
"""

import argparse
import contextlib
import json
import os
import pathlib
import queue
import random
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES = 20_000
URI = "file:///waits/broken.py"
# What is slow where a file system is: libc's looks at files, but those of the system's own files.
SLOW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
static void wait_for(const char *path) {
    if (path && strncmp(path, "/proc", 5) && strncmp(path, "/sys", 4)) usleep(50000);
}
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *out) {
    int (*real)(int, const char *, int, unsigned, struct statx *) = dlsym(RTLD_NEXT, "statx");
    wait_for(path && *path ? path : 0);
    return real(folder, path, flags, mask, out);
}
char *realpath(const char *path, char *out) {
    char *(*real)(const char *, char *) = dlsym(RTLD_NEXT, "realpath");
    wait_for(path);
    return real(path, out);
}
"""


class Client:
    """Talks to a server, with a thread that notes when each answer came."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(["nice", "-n", str(-os.getpriority(os.PRIO_PROCESS, 0)), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.answers, self.results, self.notes = {}, {}, queue.Queue()
        self.changed = threading.Condition()
        self.last = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        out = self.process.stdout
        while line := out.readline():
            length = int(line.split(b":")[1])
            out.readline()
            message = json.loads(out.read(length))
            now = time.perf_counter()
            with self.changed:
                if "method" not in message:
                    self.results[message["id"]] = message.get("result")
                    self.answers[message["id"]] = now
                    self.changed.notify_all()
                elif "id" in message:
                    self.send({"jsonrpc": "2.0", "id": message["id"], "result": None})
                else:
                    self.notes.put(message)

    def send(self, message):
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method, params):
        self.last += 1
        self.send({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
        return self.last

    def when(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: number in self.answers, 60), "no answer within a minute"
            return self.answers.pop(number)


def broken():
    """A file in which nearly every statement has an error, as while it is being rewritten."""
    random.seed(7)
    parts = ["def work_{0}(first, second:\n", "    value_{0} = (first + {0} * [second\n", "    if value_{0} ==:\n", "        return value_{0})\n", "\n"]
    return "".join(random.choice(parts).format(number) for number in range(LINES))


def at(line, column):
    return {"line": line, "character": column}


def measure(server, model, messages, folder):
    script = folder / "script.json"
    loose = [f"x{number}" + ")]}" * 66 + "))" for number in range(4)]
    script.write_text(json.dumps([{"after": "ask_here", "write": loose}]))
    env = dict(os.environ, LD_PRELOAD=str(folder / "slow.so"), CODEGEMMA_SCRIPT=str(script), XDG_CACHE_HOME=str(folder / "cache"))
    client = Client([server, *(["--model", model] if model else []), "--log-level", "error"], env)
    number = client.request("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
    client.when(number)
    client.notify("initialized", {})
    text = broken()
    client.notify("textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": text}})
    line, version = LINES // 2, 1
    waits = {"change": [], "cancellation": [], "refused": []}

    def change(text, column=0):
        nonlocal version
        version += 1
        where = {"start": at(line, column), "end": at(line, column)}
        client.notify("textDocument/didChange", {"textDocument": {"uri": URI, "version": version}, "contentChanges": [{"range": where, "text": text}]})

    def ask(kind=0):
        return client.request("textDocument/inlineCompletion", {"textDocument": {"uri": URI}, "position": at(line, 8), "context": {"triggerKind": kind}})

    change("ask_here\n")
    deadline = time.time() + 120
    while client.notes.get(timeout=deadline - time.time()).get("params", {}).get("state") != "ready":
        pass
    for _ in range(20):
        client.when(ask())
        time.sleep(0.2)
    for step in range(messages):
        begin = time.perf_counter()
        if step % 20 == 0:
            asked = ask()
            waits["cancellation"].append((begin, asked))
            client.notify("$/cancelRequest", {"id": asked})
        elif step % 3 == 0:
            change(" " if step % 2 else "#", 8)
            waits["change"].append((begin, client.request("no/such", {})))
            if step % 9 == 0:
                ask()
        else:
            waits["refused"].append((begin, client.request("no/such", {})))
        if step % 400 == 399:
            client.notify("textDocument/didSave", {"textDocument": {"uri": (folder / ".codegemmaignore").as_uri()}})
            client.notify("workspace/didChangeConfiguration", {"settings": {"codegemma": {"maxTokens": 50 + step % 7}}})
        time.sleep(0.004)
    rows = []
    for kind, sent in waits.items():
        took = sorted(1000 * (client.when(number) - begin) for begin, number in sent)
        rows.append((kind, len(took), took[len(took) // 2], took[len(took) * 99 // 100], took[-1]))
    client.process.kill()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=str(ROOT / "target/debug/scripted-lsp"))
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--model", help="a real model, which computes itself")
    parser.add_argument("--idle", action="store_true", help="nothing else computes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as ends:
        folder = pathlib.Path(name)
        (folder / "slow.c").write_text(SLOW)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c"], check=True)
        # What is measured is the server's wait, not this program's.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        for _ in range(0 if options.model or options.idle else os.cpu_count()):
            burner = subprocess.Popen(["nice", "-n", "10", "sh", "-c", "while :; do :; done"])
            ends.callback(burner.kill)
        for kind, count, median, slow, longest in measure(options.server, options.model, options.messages, folder):
            print(f"{kind}: {count} messages, median {median:.1f} ms, 99th percentile {slow:.1f} ms, longest {longest:.1f} ms")


if __name__ == "__main__":
    main()
