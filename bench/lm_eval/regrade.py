"""GSM8K's public model outputs graded again: does our grader agree with the marks they came with?

  python bench/lm_eval/regrade.py FILE --tabiji build/dev/tabiji [--listing OUT.jsonl]

FILE is example_model_solutions.jsonl(.gz) of openai/grade-school-math (MIT): four models' solutions to each test
problem with is_correct. Prints the agreement, as 'tabiji grade --summary' has it, and every disagreement with the end
of the solution. Standard library only."""
import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

MODELS = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]


def pairs(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as f:
        for number, line in enumerate(f):
            row = json.loads(line)
            gold = row["ground_truth"].split("\nA:")[-1].strip()
            for model in MODELS:
                yield {"id": f"{number}:{model}", "kind": model, "gold": gold, "pred": row[model]["solution"],
                       "expected": row[model]["is_correct"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--tabiji", default="build/dev/tabiji")
    parser.add_argument("--listing", type=pathlib.Path, help="write the disagreements here as JSON lines")
    args = parser.parse_args()
    rows = list(pairs(args.file))
    with tempfile.TemporaryDirectory() as scratch:
        asked, told = pathlib.Path(scratch) / "pairs.jsonl", pathlib.Path(scratch) / "verdicts.jsonl"
        asked.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
        for extra in (["--out", str(told)], ["--summary", "--json"]):
            done = subprocess.run([args.tabiji, "grade", str(asked), *extra], capture_output=True, text=True)
            if done.returncode not in (0, 1):
                sys.exit(f"tabiji grade: status {done.returncode}: {done.stderr}")
        summary = json.loads(done.stdout)
        verdicts = [json.loads(line) for line in told.read_text(encoding="utf-8").split("\n") if line]
    print(json.dumps(summary, indent=1))
    listing = []
    for row, v in zip(rows, verdicts):
        assert row["id"] == v["id"]
        if (v["equal"] is True) != row["expected"]:
            listing.append({"id": row["id"], "marked": row["expected"], "verdict": v["verdict"],
                            "method": v["method"], "rule": v["rule_pred"], "gold": v["normalized_gold"],
                            "read": v["normalized_pred"], "end": row["pred"][-120:]})
    for d in listing:
        print(json.dumps(d, ensure_ascii=False))
    print(f"{len(rows)} solutions, {len(listing)} disagreements")
    if args.listing:
        args.listing.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in listing), encoding="utf-8")


if __name__ == "__main__":
    main()
