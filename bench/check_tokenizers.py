#!/usr/bin/env python3
"""Ids of `tabiji tokenize` against Hugging Face's tokenizers and llama.cpp, line by line, and the speed of each on one
core. Exit status 1 where a line differs.

    bench/check_tokenizers.py --tabiji build/release/tabiji --json tokenizer.json --gpt2 DIR --gguf a.gguf b.gguf

--json: compared with tokenizers, and as a GGUF vocabulary made from it (with the pre-tokenizer that its pattern is)
with llama.cpp. --gpt2: a folder with encoder.json and vocab.bpe. --gguf: compared with llama.cpp, and with tokenizers
on a tokenizer.json made from its vocabulary. Lines are those of mixed_text.py, without special tokens and with, and ten
texts of a thousand lines each. What is not UTF-8 is compared after replacement, by --replace-invalid here and
errors="replace" there. Packages: requirements-tokenizers.txt; llama.cpp is compiled when it is installed."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core
os.environ["RAYON_NUM_THREADS"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "golden"))

import llama_cpp  # noqa: E402
import tokenizers  # noqa: E402

import gguf_file  # noqa: E402
import mixed_text  # noqa: E402

CHUNK = 20000
MIN_SECONDS = 0.5  # less than that drowns in the time that loading takes, which is subtracted
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
           r"|\s+(?!\S)|\s+")


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": use_regex}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


DIGITS = {"type": "Digits", "individual_digits": True}
PRE = {"gpt-2": byte_level(True), "smollm": sequence(DIGITS, byte_level(True)),
       "starcoder": sequence(DIGITS, byte_level(True)), "qwen2": sequence(split(PATTERN % ""), byte_level(False)),
       "llama-bpe": sequence(split(PATTERN % "{1,3}"), byte_level(False)),
       "deepseek-coder": sequence(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"),
                                  split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), DIGITS, byte_level(False))}


# ---------------------------------------------------------------- the sides

def text_of(line):
    return line.decode("utf-8", "replace")


class Tabiji:
    def __init__(self, program, path):
        self.command = [program, "tokenize", "--tokenizer", path, "--replace-invalid", "--lines"]

    def run(self, file, special):
        flags = ["--parse-special"] if special else []
        start = time.perf_counter()
        subprocess.run(self.command + flags, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        loaded = time.perf_counter()
        with open(file, "rb") as f:
            out = subprocess.run(self.command + flags, stdin=f, stdout=subprocess.PIPE, check=True).stdout
        end = time.perf_counter()
        lines = out.decode().split("\n")[:-1]
        return lines, (end - loaded) - (loaded - start)

    def one(self, text, special):
        flags = ["--parse-special"] if special else []
        command = [c for c in self.command if c != "--lines"] + flags
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout.decode()[:-1]


class HuggingFace:
    name = "tokenizers"

    def __init__(self, path):
        self.tok = tokenizers.Tokenizer.from_file(path)

    def run(self, lines, special):
        self.tok.encode_special_tokens = not special
        seconds = 0.0
        for i in range(0, len(lines), CHUNK):
            texts = [text_of(line) for line in lines[i:i + CHUNK]]
            start = time.perf_counter()
            encoded = self.tok.encode_batch_fast(texts, add_special_tokens=False)
            seconds += time.perf_counter() - start
            yield from (" ".join(map(str, e.ids)) for e in encoded)
        self.seconds = seconds


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, path):
        self.model = llama_cpp.Llama(model_path=path, vocab_only=True, verbose=False)

    def run(self, lines, special):
        seconds = 0.0
        for line in lines:
            data = text_of(line).encode()
            start = time.perf_counter()
            ids = self.model.tokenize(data, add_bos=False, special=special)
            seconds += time.perf_counter() - start
            yield " ".join(map(str, ids))
        self.seconds = seconds


# ---------------------------------------------------------------- vocabularies in the other form

def added(id_, content, special):
    return {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": special}


def merges_of(scores):
    """The merges of a SentencePiece vocabulary, as transformers' converter lists them: every way to make a token of
    two, in the order of falling scores."""
    found = []
    for text, score in scores.items():
        local = [(text[:i], text[i:], score) for i in range(1, len(text))
                 if text[:i] in scores and text[i:] in scores]
        found += sorted(local, key=lambda m: (scores[m[0]], scores[m[1]]))
    found.sort(key=lambda m: (m[2], len(m[0]), len(m[1])), reverse=True)
    return [[left, right] for left, right, _ in found]


def json_of_gguf(path, keys):
    """A tokenizer.json of a GGUF's vocabulary."""
    tokens = [t.decode() for t in keys["tokenizer.ggml.tokens"]]
    types = keys["tokenizer.ggml.token_type"]
    extra = [added(i, t, types[i] != 4) for i, t in enumerate(tokens) if types[i] in (2, 3, 4)]
    root = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": extra, "normalizer": None,
            "post_processor": None}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {t: i for i, t in enumerate(tokens)}}
    if keys["tokenizer.ggml.model"] == b"gpt2":
        root["pre_tokenizer"] = PRE[keys["tokenizer.ggml.pre"].decode()]
        root["decoder"] = byte_level(True)
        model["merges"] = [m.decode().split(" ") for m in keys["tokenizer.ggml.merges"]]
    else:
        root["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        root["pre_tokenizer"] = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                                 "invert": False}
        root["decoder"] = {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}
        scores = keys["tokenizer.ggml.scores"]
        model["merges"] = merges_of({t: scores[i] for i, t in enumerate(tokens) if types[i] in (1, 4, 5)})
        model.update(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    root["model"] = model
    with open(path, "w") as f:
        json.dump(root, f, ensure_ascii=False)


def gguf_of_json(path, root, pre):
    """A GGUF without tensors of a byte-level tokenizer.json."""
    vocab, n = dict(root["model"]["vocab"]), 0
    types = {}
    for a in root["added_tokens"] or []:
        vocab[a["content"]] = a["id"]
        types[a["id"]] = 3 if a["special"] else 4
    n = max(vocab.values()) + 1
    tokens = ["[PAD%d]" % i for i in range(n)]
    kinds = [5] * n
    for text, i in vocab.items():
        tokens[i], kinds[i] = text, types.get(i, 1)
    merges = [m if isinstance(m, str) else " ".join(m) for m in root["model"]["merges"]]
    gguf_file.write(path, {"general.architecture": "llama", "llama.context_length": 64, "llama.embedding_length": 64,
                           "llama.block_count": 1, "llama.feed_forward_length": 64, "llama.attention.head_count": 1,
                           "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": 64,
                           "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": tokens,
                           "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": merges,
                           "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 0,
                           "tokenizer.ggml.add_bos_token": False})


def byte_alphabet():
    """The characters that stand for bytes in byte-level vocabularies."""
    own = [b for b in range(256) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE]
    others = [b for b in range(256) if b not in own]
    return {b: chr(b) for b in own} | {b: chr(256 + i) for i, b in enumerate(others)}


def normalized_alike(path, lines):
    """The lines whose normal form is not in doubt: the peer's NFC knows no combining classes from after Unicode 9."""
    with open(path) as f:
        if json.load(f)["normalizer"] != {"type": "NFC"}:
            return lines
    nfc = tokenizers.normalizers.NFC()
    marks = [c for c in mixed_text.KNOWN if unicodedata.combining(c)]
    newer = {c for c in marks if nfc.normalize_str("a" + c + "\u0334") != unicodedata.normalize("NFC", "a" + c + "\u0334")}
    kept = [line for line in lines if newer.isdisjoint(text_of(line))]
    print(f"{len(lines) - len(kept)} lines left out: they have marks that the NFC of tokenizers does not know")
    return kept


def ascii_spaces(lines):
    """The lines whose white space is ASCII: in DeepSeek's patterns \\s is nothing more to llama.cpp, whose regular
    expressions are those of C++ there."""
    kept = [line for line in lines if all(c.isascii() or not c.isspace() for c in text_of(line))]
    print(f"{len(lines) - len(kept)} lines left out: they have white space that is none to llama.cpp")
    return kept


def spelled(keys, lines):
    """The lines that a byte-level vocabulary can spell. Some lack control characters: the peers leave those out of the
    text without a word, tabiji refuses the text."""
    if keys["tokenizer.ggml.model"] != b"gpt2":
        return lines
    tokens = set(keys["tokenizer.ggml.tokens"])
    lacking = bytes(b for b, c in byte_alphabet().items() if c.encode() not in tokens)
    kept = [line for line in lines if not any(b in lacking for b in text_of(line).encode())]
    print(f"{len(lines) - len(kept)} lines left out: the vocabulary has no token for one of the bytes {lacking.hex(' ')}")
    return kept


def json_of_gpt2(path, folder):
    with open(os.path.join(folder, "encoder.json")) as f:
        vocab = json.load(f)
    with open(os.path.join(folder, "vocab.bpe")) as f:
        merges = [line.split() for line in f.read().split("\n")[1:] if line]
    end = "<|endoftext|>"
    tok = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, [tuple(m) for m in merges]))
    tok.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = tokenizers.decoders.ByteLevel()
    tok.add_special_tokens([tokenizers.AddedToken(end, normalized=False)])
    tok.save(path)


# ---------------------------------------------------------------- comparing

class Check:
    def __init__(self, folder, shown):
        self.folder, self.shown, self.n_wrong = folder, shown, 0

    def write(self, lines):
        path = os.path.join(self.folder, "lines.txt")
        with open(path, "wb") as f:
            f.write(b"".join(line + b"\n" for line in lines))
        return path

    def compare(self, title, ours, peer, lines, special):
        file = self.write(lines)
        got, seconds = ours.run(file, special)
        n_tokens = sum(line.count(" ") + 1 for line in got if line)
        wrong = [(line, a, b) for line, a, b in zip(lines, got, peer.run(lines, special), strict=True) if a != b]
        for line, a, b in wrong[:self.shown]:
            print(f"  {text_of(line)!r}\n    tabiji    {a}\n    {peer.name:9} {b}")
        mb = os.path.getsize(file) / 1e6
        speeds = "too short to be timed"
        if seconds > MIN_SECONDS:
            speeds = ", ".join(f"{name} {n_tokens / t / 1e6:.2f} M tokens/s {mb / t:.1f} MB/s"
                               for name, t in (("tabiji", seconds), (peer.name, peer.seconds)))
            speeds += f", ratio {peer.seconds / seconds:.2f}"
        print(f"{title:34} {'special' if special else 'plain':7} {peer.name:10} {len(lines):8} lines, {len(wrong):5} "
              f"differ; {n_tokens:9} tokens; {speeds}", flush=True)
        self.n_wrong += len(wrong)

    def texts(self, title, ours, peer, lines):
        """Whole texts of many lines, since a line has no newline."""
        texts = [b"\n".join(lines[i:i + 1000]) + b"\n" * (i % 3) for i in range(0, min(len(lines), 10000), 1000)]
        wrong = sum(ours.one(t, True) != b for t, b in zip(texts, peer.run(texts, True), strict=True))
        print(f"{title:34} texts   {peer.name:10} {len(texts):8} texts, {wrong:5} differ", flush=True)
        self.n_wrong += wrong

    def all(self, title, ours, peer, lines):
        for special in (False, True):
            self.compare(title, ours, peer, lines if not special else lines[:len(lines) // 4], special)
        self.texts(title, ours, peer, lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tabiji", default="build/release/tabiji")
    p.add_argument("--lines", type=int, default=1000000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--shown", type=int, default=3, help="differing lines shown of each comparison")
    p.add_argument("--json", nargs="*", default=[])
    p.add_argument("--gpt2", nargs="*", default=[])
    p.add_argument("--gguf", nargs="*", default=[])
    p.add_argument("--texts", nargs="*", default=[], help="files whose lines are compared instead")
    p.add_argument("--peers", nargs="*", default=["tokenizers", "llama.cpp"])
    a = p.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lines = list(mixed_text.lines(a.lines, a.seed))
    if a.texts:
        lines = [line for path in a.texts for line in open(path, "rb").read().split(b"\n")][:a.lines]
    hf, llama = "tokenizers" in a.peers, "llama.cpp" in a.peers
    with tempfile.TemporaryDirectory() as folder:
        check = Check(folder, a.shown)
        made = os.path.join(folder, "tokenizer.json")
        for path in a.json + a.gpt2:
            name = os.path.basename(path.rstrip("/"))
            if os.path.isdir(path):
                json_of_gpt2(made, path)
                path = made
            if hf:
                check.all(name, Tabiji(a.tabiji, path), HuggingFace(path), normalized_alike(path, lines))
            root = json.load(open(path))
            fits = ["qwen2"] if "Qwen" in path or "qwen" in path else list(PRE) + ["deepseek-llm"]
            for pre in fits:
                vocab, some = os.path.join(folder, "vocab.gguf"), lines[:len(lines) // 10]
                gguf_of_json(vocab, root, pre)
                if llama:
                    check.all(f"{name} as {pre}", Tabiji(a.tabiji, vocab), LlamaCpp(vocab),
                              ascii_spaces(some) if pre.startswith("deepseek") else some)
                if hf and pre in PRE:
                    root.update(normalizer=None, pre_tokenizer=PRE[pre])
                    root["model"]["ignore_merges"] = pre == "llama-bpe"
                    with open(made, "w") as f:
                        json.dump(root, f)
                    check.all(f"{name} as {pre}", Tabiji(a.tabiji, vocab), HuggingFace(made), some)
        for path in a.gguf:
            name, keys = os.path.basename(path), gguf_file.read(path)
            possible = spelled(keys, lines)
            if llama:
                check.all(name, Tabiji(a.tabiji, path), LlamaCpp(path), possible)
            if hf:
                json_of_gguf(made, keys)
                check.all(name, Tabiji(a.tabiji, path), HuggingFace(made), possible)
                check.all(f"json of {name}", Tabiji(a.tabiji, made), HuggingFace(made), possible[:len(lines) // 10])
    print(f"{check.n_wrong} differences")
    sys.exit(1 if check.n_wrong else 0)


main()
