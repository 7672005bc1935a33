#!/usr/bin/env python3
"""Looks for wrong "equal" verdicts: all references of tests/grade/pairs against one another.

    check_cross.py TABIJI [FOLDER]

Half a million pairs of answers to different questions, nearly all different. Those that `tabiji grade` (TABIJI is the
program) calls equal are told apart by numbers (numeric.py); printed are the ones that numbers contradict, then those
that they cannot read, for a reader to judge."""
import collections
import glob
import itertools
import json
import os
import subprocess
import sys
import tempfile

import numeric

HERE = os.path.dirname(os.path.abspath(__file__))
NO_ANSWERS = {"unreadable", "no_answer"}


def references(folder):
    golds = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            pair = json.loads(line)
            if pair["kind"] not in NO_ANSWERS:
                golds[pair["gold"]] = True
    return list(golds)


def main():
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "..", "..", "tests", "grade", "pairs")
    pairs = list(itertools.combinations(references(folder), 2))
    with tempfile.TemporaryDirectory() as work:
        asked, said = os.path.join(work, "pairs.jsonl"), os.path.join(work, "verdicts.jsonl")
        with open(asked, "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"gold": a, "pred": b}, ensure_ascii=False) + "\n" for a, b in pairs)
        status = subprocess.run([sys.argv[1], "grade", asked, "--out", said], check=False).returncode
        if status not in (0, 3):  # 3: some references cannot be read
            sys.exit(f"tabiji grade ended with status {status}")
        verdicts = [json.loads(line) for line in open(said, encoding="utf-8")]
    counts = collections.Counter(v["verdict"] for v in verdicts)
    judged = collections.defaultdict(list)
    for (a, b), v in zip(pairs, verdicts):
        if v["equal"]:
            judged[numeric.compare(a, b)].append((v["method"], a, b))
    for said_by_numbers, name in ((False, "numbers contradict"), (None, "numbers cannot read")):
        for method, a, b in sorted(judged[said_by_numbers]):
            print(f"{name} ({method}): {a!r} and {b!r}")
    print(f"{len(pairs)} pairs: {dict(counts)}; of the equal ones numbers confirm {len(judged[True])}, contradict "
          f"{len(judged[False])} and cannot read {len(judged[None])}")


main()
