"""What the token goldens are made of; shared by llama_cpp.py and hugging_face.py, not run by itself.

Snippets are spans of real code in many languages: the example files of pygments' tests, which tests/fetch.py --tests
puts into the cache. That code is others', so the goldens name file, first byte and end byte, and not the text. The
texts, written for this project, are what a tokenizer gets wrong most easily.
"""

import json
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import fetch  # noqa: E402

SOURCES = f"{fetch.SOURCES_PACKAGE}-{fetch.SOURCES_VERSION}"
# Folders of the example files: common languages, and a few that are mostly not ASCII.
LANGUAGES = (
    "agda aheui apl bash c clojure cpp csharp css dart elixir erlang ezhil fsharp go haskell html java js json julia"
    " kotlin lean lua make md nim objective-c ocaml perl php postgresql powershell python rb rust scala scheme swift ts"
    " typst vb.net vue xml yaml zig"
).split()
SNIPPETS_EACH = 12

# "[multimodal]", "<start_of_image>" and "<end_of_image>" are not here: Gemma 3 GGUF files list them with the ordinary
# words, so llama.cpp finds them in text; this project holds them to be control tokens. "</s>" is not here either: it is
# HTML's closing tag among Gemma's ordinary words, but llama.cpp takes it for another model's end of text and spells it.
WORDS = "<bos> <eos> <pad> <unk> <mask> <2mass> [@BOS@] <unused0> <unused61> <unused6241>".split()
WORDS += "<start_of_turn> <end_of_turn> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|file_separator|>".split()
WORDS += "<0x0A> <0x00> <0xFF> <s> <em>".split()
WORDS += "<table> </td> <h1> <code> <strong>".split()

TEXTS = [
    "",
    " ",
    "\n",
    "\t",
    "\r",
    "\r\n",
    "\0",
    "a",
    "\u2581",
    "\u2581\u2581\u2581",
    "a \u2581 b\u2581\u2581c  \u2581 ",
    " leading",
    "trailing ",
    "  two  spaces  ",
    "\0nul\0\0in the middle\0",
    "\x01\x02\x1b[0m\x7f\x80\x9f",
    "def f(x):\n    return x\n",
    "def f(x):\r\n    return x\r\n\r\n",
    "one\rtwo\r\rthree\n\rfour\r\n\n",
    "\tif (a)\n\t\t\treturn;\n\t  \t mixed\n",
    "x = 1;" + " " * 40 + "// far away",
    " " * 31 + "x" + " " * 32 + "y" + " " * 33 + "z",
    " " * 500,
    "\n" * 30 + "x" + "\n" * 31 + "y" + "\n" * 32 + "z" + "\n" * 100,
    "\n \n  \n   \n\n \n",
    "\t" * 40,
    "a" * 300,
    "ab" * 200,
    "=" * 80 + "-" * 81 + "#" * 79,
    "0123456789" * 5 + " 3.14159 0xDEADBEEF 1e-10 1_000_000",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \u2764\ufe0f \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "s = '\U0001f980'; // \U0001f9ea\U0001f9ea",
    "\u4f60\u597d\uff0c\u4e16\u754c def \u51fd\u6570(\u53c2\u6570): return \u53c2\u6570",
    "\u3053\u3093\u306b\u3061\u306f \uc548\ub155\ud558\uc138\uc694 \u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "e\u0301 \u00e9 \ufb01 \u2460 \u212b \u00c5 \uff21\uff22\uff23",
    "\u00a0nbsp\u2003em\u3000wide\u200bzero\ufeffbom\u2028line\u2029para\u0085next",
    "\ufffd\ufffe\uffff\U0010ffff\ue000\U000e0041",
    "\ud7ff\ue000 \U00010000\U00012000\U0001d538\U0002a6d6\U00013000",
    "\u0300\u0301\u0302\u0303 combining first",
    "caf\u00e9 na\u00efve \u00dcber stra\u00dfe \u0153uvre \u0142\u00f3d\u017a",
    "<", "<>", "<<>>", "<|", "|>", "<|fim", "<start_of_turn", "start_of_turn>", "<<bos>>", "<bos", "bos>",
    "".join(WORDS),
    " ".join(WORDS),
    "\n".join(WORDS),
    "<|fim_prefix|>def f():<|fim_suffix|>\n<|fim_middle|>return 1<|file_separator|>",
    "<start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n",
    "<table><tr><td>1</td></tr></table>\n<h1>x</h1><b><i><u>y</u></i></b>",
    "< table > <TABLE> <table/> <tables> <<table>> </table",
    "\u2581def\u2581f \u2581\u2581\u2581\u2581return",
    "\\n\\t\\0\\x00 %s {} ${x} `y` \"q\" 'r'",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "camelCaseIdentifierWithManyParts snake_case_identifier SCREAMING_SNAKE kebab-case-name __dunder__",
    "https://example.org/a/b?c=d&e=f#g user@example.org C:\\Users\\me\\file.txt ../../etc",
]  # fmt: skip
TEXTS += [word for word in WORDS]
TEXTS += [f"x{word}y" for word in WORDS]
TEXTS += [" " * count for count in range(2, 41)]
TEXTS += ["\n" * count for count in range(2, 41)]


def snippets():
    """(file, first byte, end byte, text) of spans of 120 to 400 bytes, whole characters; one in two begins a line."""
    folder = fetch.cache_folder() / "sources" / SOURCES
    if not folder.is_dir():
        sys.exit(f"error: {folder} is missing; run: python3 tests/fetch.py --tests")
    found = []
    for language in LANGUAGES:
        files = []
        for path in sorted((folder / language).iterdir(), key=lambda path: path.name):
            data = path.read_bytes()
            if len(data) >= 120 and is_utf8(data):
                files.append((f"{language}/{path.name}", data))
        choose = random.Random(language)
        for number in range(SNIPPETS_EACH if files else 0):
            name, data = choose.choice(files)
            start = choose.randrange(len(data) - 119)
            end = min(len(data), start + choose.randint(120, 400))
            if number % 2 == 0:
                start = data.rfind(b"\n", 0, start) + 1
                end = min(end, start + 400)
            start, end = at_character(data, start), at_character(data, end)
            found.append((name, start, end, data[start:end].decode("utf-8")))
    return found


def is_utf8(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def at_character(data, place):
    while place < len(data) and data[place] & 0xC0 == 0x80:
        place += 1
    return place


def write_goldens(path, about, encode):
    """Compact JSON: `about`, then what `encode` makes of each snippet and text."""
    spans = [dump([name, start, end, encode(text)]) for name, start, end, text in snippets()]
    texts = [dump([text, encode(text)]) for text in TEXTS]
    body = dump({**about, "sources": SOURCES})[:-1]
    body += ',\n"snippets":[\n' + ",\n".join(spans) + '],\n"texts":[\n' + ",\n".join(texts) + "]}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body, encoding="utf-8", newline="\n")
    print(f"{path}: {len(spans)} snippets, {len(texts)} texts, {os.path.getsize(path)} bytes")


def dump(value):
    return json.dumps(value, separators=(",", ":"))
