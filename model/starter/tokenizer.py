"""Trains the starter's tokenizer: byte-pair encoding with byte fallback in Gemma's manner, CodeGemma's control tokens.

Pieces are learned within words, runs of punctuation and line breaks with the indentation after them. As in
SentencePiece, encoding knows nothing of those borders: it merges, best-ranked first, whatever two neighbours make a
piece. Writes `tokenizer-<size>/tokenizer.json`.
"""

import argparse
import json
from pathlib import Path

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CONTROL = [
    "<pad>", "<eos>", "<bos>", "<unk>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_separator|>",
]  # fmt: skip
NUMBERED = ("<pad>", "<bos>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_separator|>")
PAD, BOS, PREFIX, MIDDLE, SUFFIX, SEPARATOR = map(CONTROL.index, NUMBERED)
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# Line breaks with the indentation that follows; runs of blanks; words and punctuation with one blank before; digits.
BORDERS = r"\n+[▁\t]*|▁{2,}(?=▁)|▁{2,}|\t+|▁?\p{L}+|\p{N}|▁?[^\s\p{L}\p{N}▁]+|▁|."
# Bytes of text of each language to learn pieces from.
SAMPLE = 5_000_000


def sample(corpus):
    taken = {}
    with open(corpus, encoding="utf-8") as lines:
        for line in lines:
            file = json.loads(line)
            if taken.get(file["language"], 0) < SAMPLE:
                taken[file["language"]] = taken.get(file["language"], 0) + len(file["text"])
                yield file["path"] + "\n"
                yield file["text"]


def train(texts, size):
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split(Regex(BORDERS), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=CONTROL + BYTES, limit_alphabet=160, max_token_length=20, show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    vocabulary = learner.get_vocab()
    return made_of(sorted(vocabulary, key=vocabulary.get))


def of_file(path):
    """The tokenizer of a model that export.py wrote, for training that goes on from it."""
    field = GGUFReader(path).fields["tokenizer.ggml.tokens"]
    return made_of([bytes(field.parts[at]).decode() for at in field.data])


def made_of(pieces):
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    # A piece that is learned earlier is merged earlier, whichever two pieces it is made of.
    merges = []
    for piece in pieces[len(CONTROL) + len(BYTES) :]:
        splits = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        merges += [split for split in splits if split[0] in vocabulary and split[1] in vocabulary]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(CONTROL)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--like", type=Path, metavar="GGUF", help="learn none, take that of this model")
    args = parser.parse_args()
    folder = args.work / f"tokenizer-{args.size}"
    folder.mkdir(exist_ok=True)
    made = of_file(args.like) if args.like else train(sample(args.work / "corpus" / "train.jsonl"), args.size)
    made.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    main()
