"""Greedy continuations of a GGUF file in three programs. Ours in f32 against transformers on the same dequantised
tensors, and ours with the file's own weights against llama.cpp (where llama-cpp-python is installed). The other
program reads prompt and continuation together, and every token of ours must be its likeliest one: its own greedy
continuation is then the same. One JSON object on standard output; exit status 1 where fewer than 95% of the
prompts are equal in f32.

    bench/check_greedy.py build/release/bench/tabiji-bench-greedy FILE.gguf JSONL FIELD FORM [PROMPTS] [NEW_TOKENS]

FORM is what stands around a question, whose place is {}: chatml and gemma are known by name.
"""
import json
import os
import subprocess
import sys

import numpy as np

FORMS = dict(chatml="<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
             gemma="<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n")


def ours(program, how, path, prompts, n_new):
    lines = "".join(" ".join(map(str, one)) + "\n" for one in prompts)
    out = subprocess.run([program, how, path, str(n_new)], input=lines, check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    return [[int(x) for x in line.split()] for line in out.splitlines()]


class Transformers:
    def __init__(self, path):
        import torch
        import transformers

        self.torch = torch
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            os.path.dirname(path) or ".", dtype=torch.float32, gguf_file=os.path.basename(path)).eval()

    def logits(self, ids):
        with self.torch.no_grad():
            return self.model(self.torch.tensor([ids])).logits[0].numpy()


class Llama:
    def __init__(self, path):
        import llama_cpp

        self.llm = llama_cpp.Llama(path, n_ctx=1024, n_threads=2, logits_all=True, verbose=False)

    def logits(self, ids):
        self.llm.reset()
        self.llm.eval(ids)
        return self.llm.scores[:len(ids)]


def compare(peer, prompts, continuations):
    """How many continuations are the peer's own, and how far below its likeliest token ours was where they part."""
    equal, gaps, agreed = 0, [], 0
    for prompt, more in zip(prompts, continuations):
        logits = peer.logits(prompt + more[:-1])[len(prompt) - 1:]
        best = logits.argmax(-1)
        wrong = [i for i, token in enumerate(more) if best[i] != token]
        equal += not wrong
        agreed += len(more) if not wrong else wrong[0]
        if wrong:
            gaps.append(float(logits[wrong[0]].max() - logits[wrong[0]][more[wrong[0]]]))
    return dict(equal=equal, prompts=len(prompts), tokens_before_parting=agreed / len(prompts),
                largest_gap=max(gaps, default=0.0))


def main():
    program, path, texts, field, form = sys.argv[1:6]
    n_prompts = int(sys.argv[6]) if len(sys.argv) > 6 else 100
    n_new = int(sys.argv[7]) if len(sys.argv) > 7 else 200
    tabiji = os.path.join(os.path.dirname(program), "..", "tabiji")
    prompts = []
    for line in list(open(texts, encoding="utf-8"))[:n_prompts]:
        text = FORMS.get(form, form).replace("{}", json.loads(line)[field])
        out = subprocess.run([tabiji, "tokenize", "--tokenizer", path, "--add-special", "--parse-special"],
                             input=text.encode(), check=True, stdout=subprocess.PIPE).stdout
        prompts.append([int(x) for x in out.split()][:400])
    continuations = ours(program, "load", path, prompts, n_new)
    result = dict(file=os.path.basename(path), new_tokens=n_new, mean_tokens=sum(map(len, continuations)) / n_prompts,
                  f32_and_transformers=compare(Transformers(path), prompts, continuations))
    try:
        result["quantised_and_llama_cpp"] = compare(Llama(path), prompts, ours(program, "open", path, prompts, n_new))
    except ImportError:
        pass
    print(json.dumps(result, indent=1))
    sys.exit(result["f32_and_transformers"]["equal"] < 0.95 * len(prompts))


main()
