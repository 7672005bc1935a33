#!/usr/bin/env python3
"""lm-eval as a client of a running server: log-likelihoods and a generation task, on the data beside
this file. The log-likelihoods are compared with the engine's own. Needs the packages lm_eval[api]
and transformers; run it from the top of the source tree.

  tests/web/lm_eval/try_lm_eval.py URL NAME TOKENIZER SCORE_DIRECTLY MODEL

URL ends in /v1; NAME is the served model's; TOKENIZER a folder with its tokenizer.json (tabiji model
convert writes one); SCORE_DIRECTLY the program of that name built from here; MODEL the model's path.
Exits with 1 at a deviation.
"""
import os
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
import lm_eval
import lm_eval.tasks
import transformers

if len(sys.argv) != 6:
    sys.exit(__doc__)
url, name, folder, program, model = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-4  # nine digits are sent; lm-eval adds them in doubles


def check(what, good, more=""):
    print(("ok      " if good else "FAILED  ") + what, more)
    if not good:
        sys.exit(1)


def run(tokenized, tasks):
    return lm_eval.simple_evaluate(
        model="local-completions", tasks=tasks, batch_size=4, log_samples=True,
        model_args={"model": name, "base_url": url + "/completions", "tokenizer": folder,
                    "tokenizer_backend": "huggingface", "tokenized_requests": tokenized,
                    "num_concurrent": 2, "max_length": 2048},
        task_manager=lm_eval.tasks.TaskManager(include_path=here))


tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
for tokenized in (True, False):
    kind = "ids" if tokenized else "text"
    result = run(tokenized, ["tabiji_facts", "tabiji_endings"])
    lines, through = [], []
    for sample in result["samples"]["tabiji_facts"]:
        for argument, answer in zip(sample["arguments"], sample["filtered_resps"]):
            context, ending = argument[0], argument[1]
            n = len(tokenizer.encode(context, add_special_tokens=False))
            ids = tokenizer.encode(context + ending, add_special_tokens=False)
            lines.append(" ".join(map(str, [n] + ids)))
            through.append(float(answer[0]))
    done = subprocess.run([program, model], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=True)
    direct = [float(x) for x in done.stdout.split()]
    worst = max(abs(a - b) for a, b in zip(through, direct))
    check(f"{len(direct)} log-likelihoods by {kind} are the engine's",
          len(direct) == len(through) and worst <= TOLERANCE, f"(at most {worst:.2g} apart)")
    accuracy = result["results"]["tabiji_facts"]["acc,none"]
    check(f"the facts are likelier than nonsense, by {kind}", accuracy >= 0.8, f"({accuracy:.2f})")
    endings = [s["filtered_resps"][0] for s in result["samples"]["tabiji_endings"]]
    check(f"endings by {kind}", len(endings) == 6 and all(e.strip() for e in endings) and
          not any("." in e or "\n" in e for e in endings), repr(endings[:2]))
