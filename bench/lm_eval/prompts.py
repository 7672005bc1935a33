"""Are our prompts those of lm-evaluation-harness, byte for byte?

  python bench/lm_eval/prompts.py --data DIR --tabiji build/dev/tabiji [--chat [--model FOLDER --template NAME]]

For every task and several numbers of examples: prompts, their hashes, targets and stops. With --chat conversations:
the messages, and, where FOLDER has a tokenizer whose template is what NAME is here, the texts that its
apply_chat_template makes of them. Needs lm-eval[math] (MIT), for FOLDER transformers (Apache-2.0). Ends with status 1
where anything differs.

The harness takes a target that looks like a Python list for one, so that MATH's "[-3,2]" is [-3, 2] in its files;
here it is the text. Where such a target is an example's the harness stops; such a case is told and left out. So is a
file of examples with a record that ours refuses (MATH's number theory has a solution that ends in an empty box)."""
import argparse
import ast
import json
import pathlib
import subprocess
import sys
import tempfile

import datasets
import harness_tasks
from lm_eval.utils import hash_string

MATH = ["algebra", "counting_and_prob", "geometry", "intermediate_algebra", "num_theory", "prealgebra", "precalc"]
FILES = {"counting_and_prob": "counting_and_probability", "num_theory": "number_theory", "precalc": "precalculus"}


def cases(data, scratch):
    """(harness's task, our task, examples, file, options)."""
    gsm = data / "gsm8k/test.jsonl"
    drawn = ["--shots-from", data / "gsm8k/train.jsonl.gz"]
    for shots in (None, 0, 1, 8):
        yield "gsm8k", "gsm8k", shots, gsm, drawn
    for name in ("gsm8k_cot", "gsm8k_cot_zeroshot", "gsm8k_cot_llama"):
        yield name, name, None, gsm, []
    yield "gsm8k_cot", "gsm8k_cot", 3, gsm, []
    yield "gsm8k_cot_zeroshot", "gsm8k_cot_zeroshot", 4, gsm, drawn
    for name in ("minerva_math500", "hendrycks_math500"):
        yield name, name, None, data / "math500/test.jsonl", []
    yield "minerva_math500", "minerva_math500", 0, data / "math500/test.jsonl", []
    for part in MATH:
        rows = harness_tasks.math(FILES.get(part, part))["test"]
        path = scratch / f"{part}.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
        yield f"minerva_math_{part}", "minerva_math", None, path, []
        yield f"hendrycks_math_{part}", "hendrycks_math", None, path, []
        yield (f"hendrycks_math_{part}", "hendrycks_math", 4, path,
               ["--shots-from", data / f"math/train/{FILES.get(part, part)}.json"])
    for language in ("en", "ja", "zh"):
        path = scratch / f"shots_{language}.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in harness_tasks.mgsm_shots(language)), encoding="utf-8")
        for kind in ("direct", "en_cot", "native_cot"):
            name = f"mgsm_{kind}_{language}"
            tsv = data / f"mgsm/mgsm_{language}.tsv"
            fields = "problem=question,answer=answer_number,solution=answer"
            yield name, name, None, tsv, []
            yield name, name, 5, tsv, ["--shots-from", path, "--shots-map", fields]


class Refusal(Exception):
    pass


def ours(args, task, shots, file, options):
    command = [args.tabiji, "eval", "--task", task, "--data", str(file), "--prompts", *map(str, options)]
    command += [] if shots is None else ["--shots", str(shots)]
    command += ["--chat"] if args.chat else []
    command += ["--chat-template", args.template] if args.template else []
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise Refusal(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def theirs(task, chat, tokenizer):
    """Requests; of conversations their text is the messages as JSON and, where there is a tokenizer, its text."""
    def template(messages, add_generation_prompt):
        text = None
        if tokenizer:  # as the harness's hf backend does
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt,
                                                 continue_final_message=not add_generation_prompt)
        return json.dumps([messages, text])
    kwargs = {}
    if chat:
        kwargs = {"apply_chat_template": True, "fewshot_as_multiturn": True, "chat_template": template}
    task.build_all_requests(**kwargs)
    return task.instances


def same_prompt(row, prompt, chat):
    if not chat:
        return row["prompt"] == prompt and row["prompt_hash"] == hash_string(prompt)
    messages, text = json.loads(prompt)
    return row["messages"] == messages and row.get("prompt") == text


def same_target(ours, target):
    if isinstance(target, list):
        target, ours = str(target), str(ast.literal_eval(ours))
    return ours == str(target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="tasks whose names begin so")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--tabiji", default="build/dev/tabiji")
    parser.add_argument("--chat", action="store_true", help="compare conversations instead of texts")
    parser.add_argument("--model", help="of --chat: a folder with a tokenizer")
    parser.add_argument("--template", help="what its template is called here")
    args = parser.parse_args()
    if bool(args.model) != bool(args.template) or (args.model and not args.chat):
        parser.error("--model and --template go together, with --chat")
    tokenizer = None
    if args.model:
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained(args.model)
    datasets.disable_progress_bars()
    harness_tasks.use(args.data)
    n_cases = n_prompts = n_wrong = n_refused = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, task_name, shots, file, options in cases(args.data, pathlib.Path(scratch)):
            if not name.startswith(args.only):
                continue
            task = harness_tasks.task(name, shots)
            try:
                instances = theirs(task, args.chat, tokenizer)
            except AssertionError as e:
                print(f"{name:34} {shots!s:>7} the harness stops: {e}", flush=True)
                continue
            try:
                rows = ours(args, task_name, shots, file, options)
            except Refusal as e:
                n_refused += 1
                print(f"{name:34} {shots!s:>7} ours refuses: {e}", flush=True)
                continue
            wrong = abs(len(rows) - len(instances))
            for row, instance in zip(rows, instances):
                prompt = instance.args[0]
                same = same_prompt(row, prompt, args.chat) and same_target(row["target"], task.doc_to_target(instance.doc))
                if not same and wrong == 0:
                    print(f"--- {name}, problem {row['doc_id']}\nours:   {row}\ntheirs: {prompt!r}, "
                          f"{task.doc_to_target(instance.doc)!r}")
                wrong += not same
            listed = json.loads(subprocess.run([args.tabiji, "eval", "--task", "list", "--json"],
                                               capture_output=True, text=True).stdout)
            until = next(t["until"] for t in listed if t["name"] == task_name)
            if until != instances[0].args[1]["until"]:
                print(f"--- {name}: stops {until}, theirs {instances[0].args[1]['until']}")
                wrong += 1
            print(f"{name:34} {'default' if shots is None else shots!s:>7} {len(rows):5} prompts, {wrong} differ",
                  flush=True)
            n_cases, n_prompts, n_wrong = n_cases + 1, n_prompts + len(rows), n_wrong + wrong
    print(f"{n_cases} cases, {n_prompts} prompts, {n_wrong} differ; {n_refused} more were refused by ours")
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
