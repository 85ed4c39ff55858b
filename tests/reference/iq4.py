#!/usr/bin/env python3
"""Makes the goldens of the formats IQ4_NL and IQ4_XS with the Python package gguf, an independent implementation: what some
bytes are as numbers.

    python3 -m venv venv && venv/bin/pip install gguf==0.19.0
    venv/bin/python tests/reference/iq4.py

Writes tests/reference/golden/iq4.json

    {"IQ4_NL": {"bytes": [...], "numbers": [...]}, "IQ4_XS": the same}

The bytes are arbitrary, but for the factor of a block, which is a usual number.
"""

import json
import random
from pathlib import Path

import numpy
from gguf import GGMLQuantizationType as Format
from gguf.quants import GGML_QUANT_SIZES, dequantize

GOLDEN = Path(__file__).resolve().parent / "golden" / "iq4.json"
NUMBERS = 768


def main():
    chance = random.Random(19)
    golden = {}
    for format in (Format.IQ4_NL, Format.IQ4_XS):
        length, size = GGML_QUANT_SIZES[format]
        stored = bytearray()
        for _ in range(NUMBERS // length):
            factor = numpy.float16(chance.uniform(-0.1, 0.1))
            stored += factor.tobytes() + chance.randbytes(size - 2)
        numbers = dequantize(numpy.frombuffer(bytes(stored), dtype=numpy.uint8), format)
        golden[format.name] = {"bytes": list(stored), "numbers": [float(number) for number in numbers]}
    GOLDEN.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
