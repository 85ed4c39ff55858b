"""What the scripted server suggests. Its tests predict it with the same function.

Pure: text in, text out, whose lines end with `\n`. `@` and a digit choose a suggestion, and what follows begins it.
"""

import re

# Each with what it replaces right of the cursor, if that stands there.
SUGGESTIONS = [
    ("value + 1", ""),
    ("(first, second)", ")"),
    (" {\n\treturn größe;\n}", ""),
    ("naïve 😀 text", ""),
    ("if x:\n    y = [1, 2]\n\n    z()", ""),
    ("\n\tindented\n", ""),
    ("[key]", "]"),
    ("日本語 = '値'", ""),
]
MARK = re.compile(r"@([0-7])([^@]*)\Z")


def suggest(before, after, other=0):
    """What to insert between the text before and after the cursor, and how much of the latter it replaces; nothing
    where the text before has no mark or goes on differently. With `other`, an alternative."""
    mark = MARK.search(before)
    if not mark:
        return None
    text, replaced = SUGGESTIONS[int(mark[1])]
    typed = mark[2]
    if not text.startswith(typed) or text == typed:
        return None
    rest = text[len(typed) :] + f" alternative {other}" * bool(other)
    return rest, replaced if replaced and after.startswith(replaced) else ""
