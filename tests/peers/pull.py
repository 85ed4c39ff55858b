#!/usr/bin/env python3
"""Measures `codegemma-complete model pull` beside `curl`, from a server on this machine, and prints how they compare.

    cargo build
    python3 tests/peers/pull.py [--mib N] [--pairs N] [--program PATH]

The server gives random bytes as Hugging Face's hub does. In turn `curl` fetches the file in one stream, and
`model pull` fetches it into an empty cache, with its digest computed and the file on the disk at the end. To wait for the
disk is no part of what `curl` does; `curl + sync` does so, too.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def server(path, digest):
    size = path.stat().st_size

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            if self.path.startswith("/api/"):
                listing = f'[{{"type": "file", "path": "m.gguf", "size": {size}}}]'.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(listing)))
                self.end_headers()
                self.wfile.write(listing)
            elif "/resolve/" in self.path:
                self.send_response(302)
                for name, value in {
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Etag": f'"{digest}"',
                    "X-Linked-Size": str(size),
                    "Location": "/bytes",
                    "Content-Length": "0",
                }.items():
                    self.send_header(name, value)
                self.end_headers()
            else:
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                first, last = map(int, asked.groups()) if asked else (0, size - 1)
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                self.send_header("Content-Length", str(last - first + 1))
                self.end_headers()
                if body:
                    self.wfile.flush()
                    with path.open("rb") as file:
                        while first <= last:
                            first += os.sendfile(self.connection.fileno(), file.fileno(), first, last - first + 1)

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{found.server_port}"


def timed(command, environment=None):
    begun = time.monotonic()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--program", default=str(ROOT / "target" / "debug" / "codegemma-complete"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = folder / "source"
        digest = hashlib.sha256()
        with source.open("wb") as file:
            for _ in range(options.mib):
                piece = os.urandom(1 << 20)
                digest.update(piece)
                file.write(piece)
        address = server(source, digest.hexdigest())
        rows = []
        for pair in range(options.pairs):
            home = folder / f"home{pair}"
            home.mkdir()
            fetched = folder / "fetched"
            plain = timed(["curl", "--silent", "--fail", "-o", fetched, f"{address}/bytes"])
            synced = plain + timed(["sync", fetched])
            fetched.unlink()
            environment = {"HOME": str(home), "PATH": os.environ["PATH"], "HF_ENDPOINT": address}
            ours = timed([options.program, "model", "pull", "hf:a/b", "--yes", "--json"], environment)
            subprocess.run(["rm", "-r", home], check=True)
            rows.append((plain, synced, ours))
            print(*(f"{name} {options.mib / took:.0f} MiB/s" for name, took in zip(("curl", "curl + sync", "pull"), rows[-1])), sep=", ")
        print(f"pull / curl: {median(row[0] / row[2] for row in rows):.2f}")
        print(f"pull / (curl + sync): {median(row[1] / row[2] for row in rows):.2f}")


if __name__ == "__main__":
    sys.exit(main())
