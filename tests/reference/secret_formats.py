#!/usr/bin/env python3
"""Writes server/src/policy/secrets/formats.txt: the forms that keys of known services have, one a line.

    python3 tests/reference/secret_formats.py          writes the table
    python3 tests/reference/secret_formats.py --check  exits with 1 if the table is not what would be written

The facts are read from the rules of Betterleaks, the successor of gitleaks, and of Veles, in the files in which the
crate kingfisher-rules carries them; it is fetched with cargo, pinned and checked. From each rule the form of the key
itself is taken (its fixed characters, then which characters follow and how many) and written anew. Left out are rules
that need the service's name beside the key and whose key has no fixed part, which are for the names to tell, and rules
for what is no secret, such as addresses of accounts. What is left out is printed on stderr.

Needs Python 3.11 or newer with PyYAML, and cargo.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from re import _constants as constants
from re import _parser as parser

import yaml

CRATE = "kingfisher-rules"
VERSION = "3.0.1"
SHA256 = "ae83deaf5347fc4213918c557d69528c82772674825176d8a9fd734b8be78175"
RULES = ("betterleaks", "veles")
TABLE = Path(__file__).resolve().parents[2] / "server/src/policy/secrets/formats.txt"

HEADER = f"""\
# The forms of keys of known services, written by tests/reference/secret_formats.py, which says how. Facts from the rules
# of Betterleaks (MIT, Copyright (c) 2026 Zachary Rice) and Veles (Apache-2.0), as the crate {CRATE} {VERSION} has
# them. A line is the rule's name and the form: fixed characters, and classes with how many of each there are, of which
# so many are named as are needed to know the key. What goes on in characters of the last class belongs to it.
"""

# No secrets: addresses, names and public halves. Or told in another way: by their names, as blocks, as web tokens.
NO_SECRETS = re.compile(
    r"-(url|host|domain|username|user|name|id)(\.\d+)?$|public|-id-|connection-string|^curl-|^kubernetes|^private-key"
    r"|^jwt|^dropbox-long|^temporal-|^monday-|^scalr-|credential|account-name|-repository$|webhook-url|webhook$|-project-url|session-cookie|incoming-mail-address"
    r"|sidekiq|service-account$|bedrock-api-key-short|cloudflareapitoken|nuget-config|-client-id|token-name"
)
# A longer part is known by so many of its characters.
ENOUGH = 40
# A shorter fixed part is in too many words, and what is free has to be long enough to be no word.
LEAST_FIXED = 3
LEAST_FREE = 8
MOST_FORMS = 64


class Unfit(Exception):
    """Why no form is made of a rule."""


def crate():
    """The crate as cargo downloads it."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    name = f"{CRATE}-{VERSION}.crate"

    def cached():
        return next(iter(home.glob(f"registry/cache/*/{name}")), None)

    if not cached():
        subprocess.run(["cargo", "info", "--quiet", f"{CRATE}@{VERSION}"], check=True, stdout=subprocess.DEVNULL)
    data = cached().read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{name} is not the file that this script was written for: its SHA-256 is another")
    return tarfile.open(fileobj=io.BytesIO(data))


def rules():
    """Name and pattern of each rule."""
    with crate() as files:
        for part in RULES:
            text = files.extractfile(f"{CRATE}-{VERSION}/generated/rules/{part}.yml").read()
            for rule in yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["rules"]:
                name = rule["id"].split(".", 1)[1].removeprefix("secrets/")
                yield name, rule["pattern"]


def for_python(pattern):
    """The pattern in the syntax of Python's parser: a flag in the middle holds to the end of its group."""
    pattern = pattern.replace("[[:alnum:]]", "[A-Za-z0-9]").replace(r"\z", r"\Z")
    while match := re.search(r"(?<!^)\(\?(i|s|x)\)", pattern):
        depth, at = 0, match.end()
        while at < len(pattern) and depth >= 0:
            step = 2 if pattern[at] == "\\" else 1
            depth += {"(": 1, ")": -1}.get(pattern[at], 0) if step == 1 else 0
            at += step
        end = at - 1 if depth < 0 else at
        inner = pattern[match.end() : end]
        pattern = f"{pattern[: match.start()]}(?{match[1]}:{inner}){pattern[end:]}"
    return pattern


def members(item, ignore_case):
    """The characters that a single item of a parsed pattern stands for."""
    kind, value = item
    if kind is constants.LITERAL:
        return frozenset([value])
    if kind is not constants.IN:
        raise Unfit("it is no sequence of characters")
    chars = set()
    for part, what in value:
        if part is constants.LITERAL:
            chars.add(what)
        elif part is constants.RANGE:
            chars.update(range(what[0], what[1] + 1))
        elif part is constants.CATEGORY and what is constants.CATEGORY_DIGIT:
            chars.update(b"0123456789")
        elif part is constants.CATEGORY and what is constants.CATEGORY_WORD:
            chars.update(c for c in range(128) if chr(c).isalnum() or c == ord("_"))
        else:
            raise Unfit("its characters are told by what they are not")
    if ignore_case:
        chars |= {ord(f(chr(c))) for c in chars for f in (str.lower, str.upper)}
    return frozenset(chars)


def sequences(tree, ignore_case):
    """All ways to go through a parsed pattern, as lists of (characters, least, most)."""
    ways = [[]]
    for kind, value in tree:
        if kind is constants.AT:
            continue
        if kind is constants.SUBPATTERN:
            _, add, remove, inner = value
            case = (ignore_case or bool(add & re.I)) and not remove & re.I
            steps = sequences(inner, case)
        elif kind is constants.BRANCH:
            steps = [way for inner in value[1] for way in sequences(inner, ignore_case)]
        elif kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            least, most, inner = value
            try:
                [item] = inner
                steps = [[(members(item, ignore_case), least, most)]]
            except (ValueError, Unfit):
                repeated = sequences(inner, ignore_case)
                if (least, most) == (0, 1):
                    steps = [[], *repeated]
                elif least == most and len(repeated) == 1:
                    steps = [repeated[0] * least]
                else:
                    raise Unfit("a part of it is repeated") from None
        else:
            chars = members((kind, value), ignore_case and kind is not constants.LITERAL)
            # One of a few is written out, so that what is fixed stays together.
            few = [frozenset([c]) for c in sorted(chars)] if len(chars) <= 3 else [chars]
            steps = [[(one, 1, 1)] for one in few]
        ways = [way + step for way in ways for step in steps]
        if len(ways) > MOST_FORMS:
            raise Unfit("there are too many ways to write it")
    return ways


def captured(tree, ignore_case=False):
    """The first group that is kept, and whether case matters in it; the whole where there is none."""
    for kind, value in tree:
        if kind is constants.SUBPATTERN:
            group, add, remove, inner = value
            case = (ignore_case or bool(add & re.I)) and not remove & re.I
            if group is not None:
                return inner, case
            if found := captured(inner, case):
                return found
        elif kind is constants.BRANCH:
            for inner in value[1]:
                if found := captured(inner, ignore_case):
                    return found
    return None


def merged(way):
    """Neighbours of the same class as one; fixed characters stay apart."""
    parts = []
    for chars, least, most in way:
        if parts and len(chars) > 1 and parts[-1][0] == chars:
            parts[-1] = (chars, parts[-1][1] + least, parts[-1][2] + most)
        elif most:
            parts.append((chars, least, most))
    while parts and parts[-1][1] == 0:
        parts.pop()
    return parts


def class_text(chars):
    """A class of characters: ranges of letters and digits, then the signs."""
    text, rest = "", set(chars)
    for first, last in ("AZ", "az", "09"):
        inside = sorted(c for c in rest if ord(first) <= c <= ord(last))
        rest.difference_update(inside)
        while inside:
            run = 1
            while run < len(inside) and inside[run] == inside[0] + run:
                run += 1
            text += "".join(map(chr, inside[:run])) if run < 3 else f"{chr(inside[0])}-{chr(inside[run - 1])}"
            inside = inside[run:]
    signs = "".join(map(chr, sorted(rest - {ord("-")})))
    return f"[{text}{signs}{'-' if ord('-') in rest else ''}]"


def form(way):
    """A way as a line of the table has it."""
    parts = merged(way)
    fixed, longest = 0, 0
    for chars, _, _ in parts:
        fixed = fixed + 1 if len(chars) == 1 else 0
        longest = max(longest, fixed)
    leading = next((at for at, (chars, _, _) in enumerate(parts) if len(chars) > 1), len(parts))
    if longest < LEAST_FIXED:
        raise Unfit("it has no fixed part")
    if sum(least for chars, least, _ in parts if len(chars) > 1) < LEAST_FREE:
        raise Unfit("what follows the fixed part is short")
    text = ""
    for at, (chars, least, most) in enumerate(parts):
        if len(chars) == 1:
            sign = chr(*chars)
            text += (f"\\{sign}" if sign in ".$+?*|()[]{}^\\" else sign) * least
            continue
        enough = least > ENOUGH and leading >= LEAST_FIXED
        last = enough or at + 1 == len(parts)
        count = f"{min(least, ENOUGH) if enough else least}"
        if last:
            count += ","
        elif most != least:
            count += "," if most is constants.MAXREPEAT else f",{most}"
        text += class_text(chars) + f"{{{count}}}"
        if last:
            break
    return text.replace("{1}", "")


def table():
    lines, left_out = [], []
    for name, pattern in rules():
        if NO_SECRETS.search(name):
            left_out.append((name, "it is no secret, or told in another way"))
            continue
        try:
            tree = parser.parse(for_python(pattern))
            case = bool(tree.state.flags & re.I)
            inner, case = captured(tree, case) or (tree, case)
            ways = sequences(inner, case)
        except (Unfit, re.error) as why:
            left_out.append((name, str(why)))
            continue
        for way in ways:
            try:
                lines.append((form(way), name))
            except Unfit as why:
                left_out.append((name, str(why)))
    for name, why in left_out:
        print(f"left out: {name}: {why}", file=sys.stderr)
    # A form that several rules have is there once.
    once = {}
    for text, name in lines:
        once.setdefault(text, name.removesuffix(".1"))
    print(f"{len(once)} forms; {len(left_out)} left out", file=sys.stderr)
    return HEADER + "".join(f"{name} {text}\n" for text, name in sorted(once.items(), key=lambda item: item[::-1]))


def main():
    text = table()
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if TABLE.read_text() == text else f"{TABLE} is not what would be written")
    TABLE.write_text(text)


main()
