"""Logits of a GGUF file in three programs: ours in f32 against transformers on the same dequantised
tensors; ours with the file's own weights, and llama.cpp (where llama-cpp-python is installed),
against those. One JSON object on standard output; exit status 1 where f32 differs by more than 1e-4
of the largest logit of its text.

    bench/check_logits.py build/release/bench/tabiji-bench-logits FILE.gguf [TEXTS] [JSONL with `problem`]
"""
import json
import os
import subprocess
import sys

import numpy as np

POSITIONS = 4  # the last ones of each text are compared


def ours(program, how, path, lines, n_vocab):
    out = subprocess.run([program, how, path, str(POSITIONS)], input="".join(lines).encode(), check=True,
                         stdout=subprocess.PIPE).stdout
    return np.frombuffer(out, np.float32).reshape(-1, POSITIONS, n_vocab)


def transformers_logits(path, ids):
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(os.path.dirname(path) or ".", dtype=torch.float32,
                                                              gguf_file=os.path.basename(path))
    model.eval()
    out = []
    with torch.no_grad():
        for one in ids:
            out.append(model(torch.tensor([one])).logits[0, -POSITIONS:].numpy())
    return np.stack(out)


def llama_logits(path, ids):
    import llama_cpp

    llm = llama_cpp.Llama(path, n_ctx=1024, n_threads=2, logits_all=True, verbose=False)
    out = []
    for one in ids:
        llm.reset()
        llm.eval(one)
        out.append(np.array(llm.scores[len(one) - POSITIONS:len(one)], np.float32))
    return np.stack(out)


def noise(a, b):
    """Root mean square and largest difference of log-probabilities of likely tokens (above 1e-4), and how often the
    most likely token is the same."""
    la = a - np.log(np.exp(a - a.max(-1, keepdims=True)).sum(-1, keepdims=True)) - a.max(-1, keepdims=True)
    lb = b - np.log(np.exp(b - b.max(-1, keepdims=True)).sum(-1, keepdims=True)) - b.max(-1, keepdims=True)
    d = (la - lb)[lb > np.log(1e-4)]
    return dict(rms=float(np.sqrt((d.astype(np.float64) ** 2).mean())), largest=float(np.abs(d).max()),
                same_top=float((a.argmax(-1) == b.argmax(-1)).mean()))


def main():
    program, path = sys.argv[1:3]
    n_texts = int(sys.argv[3]) if len(sys.argv) > 3 else 64
    import random

    draw = random.Random(1)
    if len(sys.argv) > 4:
        texts = [json.loads(line)["problem"] for line in open(sys.argv[4])]
    else:
        texts = [open(__file__).read()[i * 60:i * 60 + 300] for i in range(40)]
    tabiji = os.path.join(os.path.dirname(program), "..", "tabiji")
    ids = []
    for i in range(n_texts):
        text = texts[i % len(texts)][:draw.randint(20, 900)]
        out = subprocess.run([tabiji, "tokenize", "--tokenizer", path, "--add-special"], input=text.encode(), check=True,
                             stdout=subprocess.PIPE).stdout
        ids.append([int(x) for x in out.split()][:400])
    lines = [" ".join(map(str, one)) + "\n" for one in ids]
    reference = transformers_logits(path, ids)
    n_vocab = reference.shape[-1]
    f32 = ours(program, "load", path, lines, n_vocab)
    scale = np.abs(reference).max(axis=(1, 2), keepdims=True)
    result = dict(file=os.path.basename(path), texts=len(ids), tokens=sum(map(len, ids)),
                  f32_largest_logit_error=float(np.abs(f32 - reference).max()),
                  f32_relative_error=float((np.abs(f32 - reference) / scale).max()),
                  quantised_against_f32=noise(ours(program, "open", path, lines, n_vocab), reference))
    try:
        result["llama_cpp_against_f32"] = noise(llama_logits(path, ids), reference)
    except ImportError:
        pass
    print(json.dumps(result, indent=1))
    sys.exit(result["f32_relative_error"] > 1e-4)


main()
