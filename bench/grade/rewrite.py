#!/usr/bin/env python3
"""All final answers of MATH, train and test, paired with themselves rewritten, as JSON Lines.

    rewrite.py MATH_FOLDER OUT.jsonl

Each kind of rewriting keeps the value ("expected": true) or changes it (false), and is applied to every answer that it
fits; MATH_FOLDER has rllm_train_math.json.gz (field "answer") and test.jsonl.gz (the last \\boxed of "solution"). Both
texts stand as they would be handed to a grader: formulas between dollars, as Math-Verify's documentation asks,
sentences and typed text bare. Random choices depend on the answer's number and the kind alone. check_rewrites.py must
follow: it drops what does not do what its kind says."""
import json
import random
import sys

from answers import Answer, answers_of, in_dollars
from rewrite_change import CHANGE, another_answer
from rewrite_keep import KEEP


def main():
    folder, out_path = sys.argv[1:]
    answers = [Answer(name, text) for name, text in answers_of(folder)]
    kinds = [(name, fn, True) for name, fn in KEEP.items()] + [(name, fn, False) for name, fn in CHANGE.items()]
    kinds.append(("another_answer", another_answer(answers), False))
    counts = dict.fromkeys((name for name, _, _ in kinds), 0)
    with open(out_path, "w", encoding="utf-8") as f:
        for a in answers:
            for kind, rewrite, keeps in kinds:
                pred = rewrite(a, random.Random(f"{a.name} {kind}"))
                if pred is not None:
                    counts[kind] += 1
                    json.dump({"id": f"{a.name}-{kind}", "kind": kind, "gold": in_dollars(a.text), "pred": pred,
                               "expected": keeps}, f, ensure_ascii=False)
                    f.write("\n")
    for kind, _, keeps in kinds:
        print(f"{counts[kind]:7} {'keeps' if keeps else 'changes'} {kind}")
    print(f"{len(answers)} answers, {sum(counts.values())} pairs")


if __name__ == "__main__":
    main()
