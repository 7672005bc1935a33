"""Adapters in two programs: PEFT opens those that tabiji trained, and tabiji adds to the model those that PEFT wrote
(random B; all seven targets, then two with rank-stabilised scale in bf16). Each time the logits of PEFT's adapted model
are compared with those of tabiji's merged one. One JSON object on standard output; exit status 1 where they differ by
more than 1e-4 of the largest logit of their text.

    bench/check_peft.py build/release/tabiji build/release/bench/tabiji-bench-logits FILE.gguf [FOLDER]

FILE.gguf becomes a folder in f32 first. Files go to FOLDER, or to one that is removed at the end: two gigabytes for a
model of 135 M parameters. Packages: torch, transformers, peft, safetensors.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import peft
import torch
import transformers

POSITIONS = 4  # the last ones of each text are compared
MAX_ERROR = 1e-4
TEXTS = ["The capital of Japan is", "def add(a, b): return", "Once upon a time there was a", "11 - 7 = 4 left 3 4 6"]


def run(*command, **options):
    subprocess.run(command, check=True, stdout=subprocess.PIPE, **options)


def encode(tabiji, base):
    out = subprocess.run([tabiji, "tokenize", "--tokenizer", base, "--lines"], input="\n".join(TEXTS) + "\n",
                         check=True, text=True, stdout=subprocess.PIPE).stdout
    return [[int(x) for x in line.split()] for line in out.splitlines()]


def ours(program, path, ids):
    lines = "".join(" ".join(map(str, one)) + "\n" for one in ids)
    out = subprocess.run([program, "load", path, str(POSITIONS)], input=lines.encode(), check=True,
                         stdout=subprocess.PIPE).stdout
    return np.frombuffer(out, np.float32).reshape(len(ids), POSITIONS, -1)


def theirs(model, ids):
    model.eval()
    with torch.no_grad():
        return np.stack([model(torch.tensor([one])).logits[0, -POSITIONS:].float().numpy() for one in ids])


def base_model(base):
    return transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)


def error(a, b):
    return float(max(np.abs(x - y).max() / np.abs(y).max() for x, y in zip(a, b)))


def train(tabiji, base, folder, targets):
    data = os.path.join(folder, "data.jsonl")
    with open(data, "w") as f:
        for text in TEXTS:
            f.write(json.dumps(dict(prompt=text, completion=text[::-1])) + "\n")
    out = os.path.join(folder, "ours")
    run(tabiji, "train", data, "--from", base, "--out", out, "--lora-rank", "8", "--lora-targets", targets, "--epochs",
        "4", "--warmup", "1", "--lr", "0.01", "--quiet", "--force")
    return out


def write_peft(base, folder, name, targets, dtype, **settings):
    torch.manual_seed(1)
    model = peft.get_peft_model(base_model(base), peft.LoraConfig(task_type="CAUSAL_LM", target_modules=targets,
                                                                  lora_dropout=0.1, **settings))
    for key, p in model.named_parameters():
        if "lora_" in key:
            if "lora_B" in key:
                torch.nn.init.normal_(p, std=0.02)
            p.data = p.data.to(dtype).float()  # what is stored is what is compared
    path = os.path.join(folder, name)
    saved = {k: v.to(dtype).contiguous() for k, v in peft.get_peft_model_state_dict(model).items()}
    model.save_pretrained(path, state_dict=saved)
    return path, model


def merge(tabiji, base, adapter, folder):
    out = os.path.join(folder, "merged")
    shutil.rmtree(out, ignore_errors=True)
    run(tabiji, "model", "merge", "--base", base, "--adapter", adapter, "--out", out)
    return out


def check(tabiji, program, gguf, folder):
    base = os.path.join(folder, "base")
    run(tabiji, "model", "convert", gguf, base, "--type", "f32")
    ids = encode(tabiji, base)
    plain = ours(program, base, ids)
    result = {}

    def compare(name, adapter, model):
        got = ours(program, merge(tabiji, base, adapter, folder), ids)
        result[name] = dict(error=error(got, theirs(model, ids)), change=error(got, plain))

    adapter = train(tabiji, base, folder, "all-linear")
    compare("tabiji_to_peft", adapter, peft.PeftModel.from_pretrained(base_model(base), adapter))
    compare("peft_to_tabiji", *write_peft(base, folder, "all", "all-linear", torch.float32, r=4, lora_alpha=7))
    compare("peft_to_tabiji_rslora_bf16",
            *write_peft(base, folder, "two", ["q_proj", "down_proj"], torch.bfloat16, r=3, lora_alpha=5,
                        use_rslora=True))
    return result


def main():
    tabiji, program, gguf = sys.argv[1:4]
    folder = sys.argv[4] if len(sys.argv) > 4 else tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    try:
        result = check(tabiji, program, gguf, folder)
    finally:
        if len(sys.argv) <= 4:
            shutil.rmtree(folder)
    # adapters that change nothing would be equal whatever was done with them
    ok = all(r["error"] <= MAX_ERROR and r["change"] > 100 * MAX_ERROR for r in result.values())
    print(json.dumps(dict(result, peft=peft.__version__, ok=ok)))
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
