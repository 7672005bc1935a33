"""The same model by lm-evaluation-harness (its hf backend, f32) and by 'tabiji eval'.

  python bench/lm_eval/model.py --model FOLDER --data DIR --tabiji build/dev/tabiji --out DIR \
      [--task gsm8k] [--limit 200] [--max-tokens 256] [--only harness|tabiji|compare]
  python bench/lm_eval/model.py --choices --model FOLDER --tabiji ... --out DIR

Either side goes on in --out, which is of one model and task, where it was stopped.

FOLDER is one that transformers opens ('tabiji model convert X FOLDER --type f32'). Compares prompts (hashes), what the
filters found and the scores, problem by problem, and lists each that differs; of --choices the log-likelihoods of
every choice. Needs lm-eval (MIT) and transformers (Apache-2.0). Ends with status 1 where fewer than 95% of the answers
agree, or a log-likelihood is off by more than 1e-3."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

FILTER = "flexible-extract"


def run_harness(args, folder):
    import datasets
    import harness_tasks
    import lm_eval
    from lm_eval.api.model import CachingLM
    from lm_eval.models.huggingface import HFLM
    datasets.disable_progress_bars()
    harness_tasks.use(args.data)
    task = harness_tasks.task(args.task, args.shots)
    lm = HFLM(pretrained=args.model, dtype="float32", device="cpu", batch_size=args.batch, max_length=8192)
    lm = CachingLM(lm, str(folder / "harness-answers.db"))
    task.config.generation_kwargs["max_gen_toks"] = args.max_tokens
    begin = time.time()
    result = lm_eval.evaluate(lm=lm, task_dict={args.task: task}, limit=args.limit, log_samples=True,
                              bootstrap_iters=0)
    rows = [{k: s[k] for k in ("doc_id", "filter", "prompt_hash", "target_hash", "doc_hash", "resps", "filtered_resps",
                               "exact_match")} for s in result["samples"][args.task]]
    (folder / "harness.json").write_text(json.dumps({"seconds": time.time() - begin, "rows": rows,
                                                     "results": result["results"]}, default=str))


def run_tabiji(args, folder):
    command = [args.tabiji, "eval", "--task", args.task, "--data", str(args.data / "gsm8k/test.jsonl"), "-m", args.model,
               "--out", str(folder / "tabiji"), "--limit", str(args.limit), "--max-tokens", str(args.max_tokens)]
    command += ["--shots-from", str(args.data / "gsm8k/train.jsonl.gz")] if args.task == "gsm8k" else []
    command += [] if args.shots is None else ["--shots", str(args.shots)]
    if subprocess.run(command).returncode != 0:
        sys.exit(" ".join(command))


def compare(args, folder):
    theirs = json.loads((folder / "harness.json").read_text())
    newest = sorted((folder / "tabiji").glob("samples_*.jsonl"))[-1]
    ours = {}
    for line in newest.read_text(encoding="utf-8").split("\n"):
        if line:
            row = json.loads(line)
            ours[row["doc_id"], row["filter"]] = row
    same = {}
    for t in theirs["rows"]:
        o = ours[t["doc_id"], t["filter"]]
        for key in ("prompt_hash", "target_hash", "doc_hash"):
            if o[key] != t[key]:
                print(f"problem {t['doc_id']}: {key} differs")
        text = o["resps"][0][0] == t["resps"][0][0]
        found = o["filtered_resps"][0] == t["filtered_resps"][0]
        score = o["exact_match"] == t["exact_match"]
        n = same.setdefault(t["filter"], [0, 0, 0, 0])
        for i, yes in enumerate((True, text, found, score)):
            n[i] += yes
        if not found or not score:
            a, b = o["resps"][0][0], t["resps"][0][0]
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            print(f"problem {t['doc_id']} {t['filter']}: ours {o['filtered_resps'][0]!r}, theirs "
                  f"{t['filtered_resps'][0]!r}; texts part at character {at}: {a[max(0, at - 30):at + 30]!r} and "
                  f"{b[max(0, at - 30):at + 30]!r}")
    for name, (n, text, found, score) in same.items():
        print(f"{name}: {n} problems, same text {text}, same answer {found} ({found / n:.1%}), same score {score}")
    print(f"harness {theirs['seconds']:.0f} s, tabiji {json.loads((folder / 'tabiji/eval.json').read_text())['seconds']:.0f} s")
    n, _, found, _ = same[FILTER]
    sys.exit(0 if found >= 0.95 * n else 1)


CHOICES = [
    ("Question: What is 2 + 3?\nAnswer:", ["4", "5", "6", "23"], 1),
    ("The capital of France is", ["Paris.", "London, of course.", "a city in Spain", "Rome"], 0),
    ("Water freezes at", ["zero degrees Celsius", "one hundred degrees Celsius"], 0),
    ("Janet has 16 eggs and eats 3. She has", ["13 eggs left.", "19 eggs left.", "3 eggs left."], 0),
    ("日本の首都は", ["東京です。", "大阪です。", "パリです。"], 0),
    ("A triangle with sides 3, 4 and 5 is ", ["right-angled", "equilateral", "impossible"], 0),
    ("", ["Once upon a time", "xqzt"], 0),
    ("def add(a, b):\n    return", ["a + b", "a - b", "a * b\n"], 0)]


def compare_choices(args, folder):
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    rows = CHOICES + [(f"Question: What is {a} + {b}?\nAnswer:", [str(a + b), str(a + b + 1), str(a - b), f"about {a}"],
                       0) for a in range(3, 60, 7) for b in range(2, 40, 9)]
    data = folder / "choices.jsonl"
    data.write_text("".join(json.dumps({"query": q, "choices": c, "gold": g}) + "\n" for q, c, g in rows),
                    encoding="utf-8")
    done = subprocess.run([args.tabiji, "eval", "--task", "choices", "--data", str(data), "-m", args.model, "--json",
                           "--out", str(folder / "choices")], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    ours = json.loads(done.stdout)
    scores = ours["scores"]
    lm = HFLM(pretrained=args.model, dtype="float32", device="cpu", batch_size=args.batch, max_length=8192)
    requests = [Instance(request_type="loglikelihood", doc={}, arguments=(q, f" {c}"), idx=i)
                for q, choices, _ in rows for i, c in enumerate(choices)]
    theirs = iter(lm.loglikelihood(requests, disable_tqdm=True))
    worst, n, n_acc, n_norm, n_greedy = 0.0, 0, 0, 0, 0
    for (q, choices, gold), row in zip(rows, ours["rows"]):
        lls = [next(theirs) for _ in choices]
        for c, (ll, greedy), o in zip(choices, lls, row):
            delta = abs(ll - o["logprob"])
            if delta > 1e-3 or greedy != o["greedy"]:
                print(f"{q!r} {c!r}: ours {o['logprob']}, {o['greedy']}; theirs {ll}, {greedy}")
            worst, n, n_greedy = max(worst, delta), n + 1, n_greedy + (greedy == o["greedy"])
        n_acc += max(range(len(lls)), key=lambda i: lls[i][0]) == gold
        n_norm += max(range(len(lls)), key=lambda i: lls[i][0] / len(choices[i])) == gold
    print(f"{len(rows)} queries, {n} choices: largest difference {worst:.2e}; greedy alike {n_greedy}; acc ours "
          f"{scores['acc']['mean']:.4f}, theirs {n_acc / len(rows):.4f}; acc_norm ours {scores['acc_norm']['mean']:.4f}, "
          f"theirs {n_norm / len(rows):.4f}")
    ok = worst <= 1e-3 and abs(scores["acc"]["mean"] * len(rows) - n_acc) < 0.5
    sys.exit(0 if ok and abs(scores["acc_norm"]["mean"] * len(rows) - n_norm) < 0.5 else 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--tabiji", default="build/dev/tabiji")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--task", default="gsm8k")
    parser.add_argument("--shots", type=int)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--only", choices=["harness", "tabiji", "compare"])
    parser.add_argument("--choices", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    args.out.mkdir(parents=True, exist_ok=True)
    if args.choices:
        compare_choices(args, args.out)
    if args.only in (None, "harness"):
        run_harness(args, args.out)
    if args.only in (None, "tabiji"):
        run_tabiji(args, args.out)
    if args.only in (None, "compare"):
        compare(args, args.out)


if __name__ == "__main__":
    main()
