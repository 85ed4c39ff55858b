"""Trains the starter: a Gemma of transformers' own class, by next-token prediction on a stream of examples.

The learning rate rises, stays, and falls to nothing over the last steps, so a run can be prolonged: `--steps` and
`--decay` say only when it falls. Hidden matrices are trained by Muon (https://kellerjordan.github.io/posts/muon/), the
embedding and the norms by Adam. Matrix products are computed in bfloat16, everything else in single precision. Every `--save` steps the whole state is written; a run that was interrupted goes on from
there, reads the same batches, and logs the same losses. Writes `runs/<name>/`: `log.csv`, `state.pt`, and at the end a
Hugging Face folder `model/`.
"""

import argparse
import csv
import os
import random
import shutil
import time
from pathlib import Path

import gguf
import numpy
import torch
from transformers import GemmaConfig, GemmaForCausalLM

from export import gguf_name
from tokenizer import MIDDLE, PAD, SEPARATOR

WARM_UP = 40


class Muon:
    """Momentum, each step made orthogonal by five Newton-Schulz iterations."""

    def __init__(self, parameters, momentum=0.95):
        self.groups = {}
        for parameter in parameters:
            self.groups.setdefault(tuple(parameter.shape), []).append(parameter)
        self.momentum = momentum
        self.buffers = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate, weight_decay):
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            buffer = self.buffers[shape].lerp_(gradient, 1 - self.momentum)
            update = orthogonal(gradient.lerp(buffer, self.momentum))
            scale = rate * max(1, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update):
                parameter.mul_(1 - rate * weight_decay).sub_(change, alpha=scale)


def orthogonal(matrices):
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for _ in range(5):
            gram = x @ x.mT
            x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Stream:
    """Rows of a token stream, read in order: the examples in it are shuffled already."""

    def __init__(self, path):
        self.tokens = numpy.load(path, mmap_mode="r")

    def batch(self, first, rows, length):
        """Inputs, targets, and which targets fill a hole: `rows` rows from the token `first` on, at the beginning of a row;
        after the stream's end it begins anew."""
        places = (first + numpy.arange(rows * length + 1)) % len(self.tokens)
        taken = self.tokens[places].astype(numpy.int64)
        numbers = numpy.arange(len(taken))
        begun = numpy.maximum.accumulate(numpy.where(taken == MIDDLE, numbers, -1))
        ended = numpy.maximum.accumulate(numpy.where(taken == SEPARATOR, numbers, -1))
        middle = torch.from_numpy((begun > ended)[:-1])
        taken = torch.from_numpy(taken)
        return taken[:-1].view(rows, length), taken[1:].view(rows, length), middle


def repeat(inputs, targets, middle, share, seed):
    """Makes drills in copying of some rows: a row becomes pieces of its own beginning, in any order, again and again."""
    draw = random.Random(seed)
    for row in range(len(inputs)):
        if draw.random() >= share:
            continue
        length = inputs.size(1)
        begin = inputs[row, : draw.randint(length // 8, length // 2)].clone()
        drill = torch.empty(0, dtype=begin.dtype)
        while len(drill) <= length:
            at = draw.randrange(len(begin))
            drill = torch.cat([drill, begin[at : at + draw.randint(12, 64)]])
        inputs[row], targets[row] = drill[:length], drill[1 : length + 1]
        middle.view(len(inputs), length)[row] = False


def rate(step, args):
    """The learning rate as a share of its highest, for a step from 0."""
    return min(1, (step + 1) / WARM_UP, (args.steps - step) / max(1, args.decay))


def build(args):
    config = GemmaConfig(
        vocab_size=args.vocabulary,
        hidden_size=args.hidden,
        intermediate_size=args.inner,
        num_hidden_layers=args.layers,
        num_attention_heads=args.hidden // args.head,
        num_key_value_heads=args.key_value_heads,
        head_dim=args.head,
        max_position_embeddings=args.context,
        hidden_activation="gelu_pytorch_tanh",
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
        use_cache=False,
    )
    torch.manual_seed(args.seed)
    return GemmaForCausalLM(config)


@torch.no_grad()
def begin_with(model, path):
    """Copies the weights of a model that export.py wrote."""
    weights = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(path).tensors}
    for name, parameter in model.named_parameters():
        weight = torch.tensor(weights[gguf_name(name)])
        parameter.copy_(weight - 1 if weight.ndim == 1 else weight)  # GGUF folds in the 1 that Gemma adds to a norm's weight


def losses_of(model):
    def losses(inputs, targets):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.model(input_ids=inputs).last_hidden_state
            logits = hidden.flatten(0, 1) @ model.lm_head.weight.mT
            return torch.nn.functional.cross_entropy(logits, targets.flatten(), reduction="none")

    return losses


@torch.no_grad()
def dev_loss(losses, stream, args):
    """The mean loss on the dev packages, of all tokens and of those that fill a hole."""
    every, middles = [], []
    for number in range(args.dev_batches):
        inputs, targets, middle = stream.batch(number * args.batch * args.context, args.batch, args.context)
        found = losses(inputs, targets)
        every.append(found[targets.flatten() != PAD])
        middles.append(found[middle])
    return torch.cat(every).mean().item(), torch.cat(middles).mean().item()


def write(path, save):
    """A file gets its name only when it is complete, so an interruption never leaves half of one."""
    partial = path.with_name(path.name + ".partial")
    save(partial)
    os.replace(partial, path)


def train(args):
    run = args.work / "runs" / args.name
    run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    model = build(args)
    if args.begin_with:
        begin_with(model, args.begin_with)
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0)
    step, read, log = 0, 0, []
    if (run / "state.pt").exists():
        state = torch.load(run / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        muon.buffers = {tuple(buffer.shape[1:]): buffer for buffer in state["muon"]}
        step, read, log = state["step"], state["read"], state["log"]
        print(f"going on at step {step}", flush=True)

    losses = losses_of(model)
    compiled = torch.compile(losses) if args.compile else losses
    stream = Stream(args.work / f"stream-{args.vocabulary}" / "train.npy")
    dev = Stream(args.work / f"stream-{args.vocabulary}" / "dev.npy")
    began, here = time.time(), 0

    def save():
        state = {"model": model.state_dict(), "adam": adam.state_dict(), "muon": list(muon.buffers.values())}
        write(run / "state.pt", lambda path: torch.save({**state, "step": step, "read": read, "log": log}, path))

    while step < args.steps:
        inputs, targets, middle = stream.batch(read, args.batch, args.context)
        inputs, targets = inputs.clone(), targets.clone()
        repeat(inputs, targets, middle, args.repeat, f"{args.seed} {read}")
        weights = (1 + (args.middle_weight - 1) * middle) * (targets.flatten() != PAD)
        value = (compiled(inputs, targets) * weights).sum() / weights.sum()
        value.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        share = rate(step, args)
        muon.step(args.matrix_rate * share, args.weight_decay)
        for group in adam.param_groups:
            group["lr"] = args.rate * share
        adam.step()
        model.zero_grad()
        step += 1
        read += inputs.numel()
        here += inputs.numel()
        row = {"step": step, "tokens": read, "loss": value.item(), "dev": "", "dev_middle": ""}
        if step % args.check == 0 or step == args.steps:
            row["dev"], row["dev_middle"] = dev_loss(losses, dev, args)
        log.append(row)
        if step % 20 == 0 or row["dev"]:
            recent = sum(entry["loss"] for entry in log[-20:]) / len(log[-20:])
            pace = here / (time.time() - began)
            print(f"step {step} loss {recent:.4f} dev {row['dev']} {row['dev_middle']} {pace:.0f} tok/s", flush=True)
        if step % args.save == 0 or step == args.steps or step == args.stop:
            save()
            write(run / "log.csv", lambda path: write_log(path, log))
        if step == args.stop:
            return
    model.save_pretrained(run / "model")
    shutil.copy(args.work / f"tokenizer-{args.vocabulary}" / "tokenizer.json", run / "model")


def write_log(path, log):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "tokens", "loss", "dev", "dev_middle"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(log)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--name", default="starter")
    parser.add_argument("--begin-with", type=Path, metavar="GGUF", help="a trained model's weights in the place of random ones")
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--inner", type=int, default=768)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--head", type=int, default=64, help="width of an attention head")
    parser.add_argument("--key-value-heads", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=4, help="rows a step")
    parser.add_argument("--context", type=int, default=1024, help="tokens a row, the most that the model sees")
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--decay", type=int, default=2000, help="steps over which the learning rate falls")
    parser.add_argument("--stop", type=int, help="save and end after this step, before the run is over")
    parser.add_argument("--rate", type=float, default=0.003, help="Adam's")
    parser.add_argument("--matrix-rate", type=float, default=0.02, help="Muon's")
    parser.add_argument("--middle-weight", type=float, default=2.0, help="of the tokens that fill a hole, in the loss")
    parser.add_argument("--repeat", type=float, default=0.125, help="the share of rows that become drills in copying")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--check", type=int, default=100, help="steps between losses on the dev packages")
    parser.add_argument("--dev-batches", type=int, default=8)
    parser.add_argument("--save", type=int, default=100, help="steps between saved states")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
