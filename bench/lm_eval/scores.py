"""Do we find and score answers as lm-evaluation-harness does?

  python bench/lm_eval/scores.py --data DIR --tabiji build/dev/tabiji

Answers are made of the data sets' own solutions and of GSM8K's public model outputs: as they are, another
problem's, cut short, said in other ways. The harness's filters and comparisons run on them, and ours ('tabiji eval
--answers'); each difference is listed. Minerva's comparison is checked as text, without its second opinion by SymPy.
Needs lm-eval[math] (MIT). Ends with status 1 where anything differs."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import datasets
import harness_tasks
from lm_eval.tasks.minerva_math import utils as minerva

GSM8K_FORMS = ["{s}", "{s}\n#### {a}", "#### {a}", "The answer is {a}.", "The answer is {a}", "So ${a}.00", "{a}",
               "The final answer is {a}", "{s} The final answer is ${a}.", "**{a}**", "x = {a} eggs, not 7.", "",
               "#### {a}\nQuestion: what?\n#### 5", "the answer is ... {a} ...", "#### -{a}", "####{a}", "A: {a},000"]
MATH_FORMS = ["{s}", "{s}\nFinal Answer: The final answer is ${a}$. I hope it is correct.", "${a}$", "{a}", " {a} ",
              "Final Answer: The final answer is {a}. I hope it is correct.", "The answer is ${a}$.", "$x$ so ${a}$",
              "Final Answer: The final answer is $x = {a}$. I hope it is correct.", "\\boxed{{{a}}}", "", "$k={a}$",
              "Final Answer: The final answer is ${a}$", "Final Answer: The final answer is ${a} \\text{{ cm}}$. "]
MGSM_FORMS = ["{a}", " {a}\n", "The answer is {a}.", "答えは{a}です。", "答案是 {a}。", "5 + 6 = {a}", "{a}.0", "\u3000{a}",
              "$ {a}", "The answer is {a}. The answer is 3.", ""]


def rewritten(answer, rng):
    """A few spellings that models use."""
    swaps = [("\\frac", "\\dfrac"), ("\\left", ""), (" ", ""), ("{", " {"), (",", ", "), ("\\frac{1}{2}", "\\frac12"),
             ("\\sqrt{3}", "\\sqrt3"), ("\\text", "\\mbox"), ("0.", "."), ("\\frac{1}{2}", "1/2"), ("-", "- ")]
    return answer.replace(*rng.choice(swaps)) if rng.random() < 0.5 else answer


def answers_of(name, docs, count, rng):
    """count answers to each problem."""
    forms = GSM8K_FORMS if name.startswith("gsm8k") else MGSM_FORMS if name.startswith("mgsm") else MATH_FORMS
    for doc in docs:
        made = []
        for _ in range(count):
            other = doc if rng.random() < 0.6 else rng.choice(docs)
            solution = other.get("answer") if name.startswith("gsm8k") else other.get("solution", "")
            answer = (solution.split("####")[-1].strip() if name.startswith("gsm8k")
                      else str(other["answer_number"]) if name.startswith("mgsm") else other["answer"])
            text = rng.choice(forms).format(s=solution, a=rewritten(answer, rng))
            made.append(text[:rng.randrange(len(text) + 1)] if rng.random() < 0.2 else text)
        yield made


def theirs(task, name, docs, made):
    """{filter: [(found, right)]}; each answer as a request of its own."""
    from lm_eval.api.instance import Instance
    instances = []
    for i, (doc, texts) in enumerate(zip(docs, made)):
        for text in texts:
            inst = Instance(request_type="generate_until", doc=doc, arguments=("", {}), idx=0,
                            metadata=(name, i, 1))
            inst.resps = [text]
            instances.append(inst)
    task._instances = instances
    task.apply_filters()
    out = {}
    for key in instances[0].filtered_resps:
        rows = []
        for inst in instances:
            found = inst.filtered_resps[key]
            if name.startswith("minerva"):
                answer = minerva.normalize_final_answer(minerva.get_unnormalized_answer(found))
                right = bool(answer) and answer == inst.doc["answer"]
            else:
                right = task.process_results(inst.doc, [found])["exact_match"]
            rows.append((found, bool(right)))
        out[key] = rows
    return out


def ours(args, name, path, made, scratch):
    """The same from the samples file: the answers one after another as the first sample."""
    out = {}
    for k in range(len(made[0])):
        file = scratch / "answers.jsonl"
        file.write_text("".join(json.dumps({"doc_id": i, "resps": [[texts[k]]]}) + "\n"
                                for i, texts in enumerate(made)), encoding="utf-8")
        folder = scratch / f"{name}{k}"
        command = [args.tabiji, "eval", "--task", name, "--data", str(path), "--shots", "0", "--answers", str(file),
                   "--out", str(folder), "-q"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stderr}")
        for line in next(folder.glob("samples_*.jsonl")).read_text(encoding="utf-8").split("\n"):
            if line:
                row = json.loads(line)
                if row["filter"] != "grader":
                    out.setdefault(row["filter"], {})[row["doc_id"], k] = (row["filtered_resps"][0],
                                                                           bool(row[row["metrics"][0]]))
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--tabiji", default="build/dev/tabiji")
    parser.add_argument("--per-problem", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    datasets.disable_progress_bars()
    harness_tasks.use(args.data)
    cases = [(n, n, args.data / "gsm8k/test.jsonl")
             for n in ("gsm8k", "gsm8k_cot", "gsm8k_cot_llama", "gsm8k_cot_zeroshot")]
    cases += [(n, n, args.data / "math500/test.jsonl") for n in ("hendrycks_math500", "minerva_math500")]
    cases += [(f"mgsm_{k}_{w}", f"mgsm_{k}_{w}", args.data / f"mgsm/mgsm_{w}.tsv")
              for k in ("direct", "en_cot", "native_cot") for w in ("en", "ja", "zh")]
    n_all = n_wrong = 0
    for harness_name, name, path in cases:
        rng = random.Random(args.seed)
        task = harness_tasks.task(harness_name, 0)
        docs = list(task.eval_docs)
        made = list(answers_of(name, docs, args.per_problem, rng))
        want = theirs(task, name, docs, made)
        with tempfile.TemporaryDirectory() as scratch:
            got = ours(args, name, path, made, pathlib.Path(scratch))
        for key, rows in want.items():
            wrong = 0
            for at, row in enumerate(rows):
                doc, k = divmod(at, args.per_problem)
                if got[key][doc, k] != row:
                    wrong += 1
                    if wrong <= 5:
                        print(f"--- {name} {key}, problem {doc}: {made[doc][k]!r}\nours {got[key][doc, k]}, theirs {row}")
            right = sum(r for _, r in rows)
            print(f"{name:22} {key:18} {len(rows):6} answers, {right:5} right, {wrong} differ", flush=True)
            n_all, n_wrong = n_all + len(rows), n_wrong + wrong
    print(f"{n_all} answers, {n_wrong} differ")
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
