#!/usr/bin/env python3
"""Makes the token goldens of CodeGemma's vocabulary with Hugging Face's tokenizers.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3
    venv/bin/python tests/fetch.py --tests
    venv/bin/python tests/reference/hugging_face.py

Writes tests/reference/golden/codegemma/tokens.json in the form that llama_cpp.py describes, with "tokenizer_sha256".

The reference parses no control tokens in text (`encode_special_tokens`). The published file marks only some of them as
special; the others (`<mask>`, `<unused7>`, ...) are marked here first, so that they are ordinary text as well.

Needs Python 3.10 or newer.
"""

import json
import sys
from importlib.metadata import version

from tokenizers import Tokenizer

import snippets
from snippets import fetch

GOLDEN = snippets.Path(__file__).resolve().parent / "golden" / "codegemma"
CONTROL = ("<mask>", "<2mass>", "[@BOS@]")


def main():
    path = fetch.cache_folder() / "tokenizers" / "gemma" / "tokenizer.json"
    if not fetch.is_there(path, fetch.TOKENIZER_SHA256):
        sys.exit(f"error: {path} is missing; run: python3 tests/fetch.py --tests")
    parsed = json.loads(path.read_text(encoding="utf-8"))
    for added in parsed["added_tokens"]:
        if added["content"] in CONTROL or added["content"].startswith("<unused"):
            added["special"] = True
    tokenizer = Tokenizer.from_str(json.dumps(parsed))
    tokenizer.encode_special_tokens = True

    about = {"tokenizer_sha256": fetch.TOKENIZER_SHA256, "engine": f"tokenizers {version('tokenizers')}"}
    snippets.write_goldens(
        GOLDEN / "tokens.json", about, lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    )


if __name__ == "__main__":
    main()
