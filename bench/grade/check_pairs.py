#!/usr/bin/env python3
"""Checks the verdicts of tests/grade/pairs by numbers, where numeric.py can read both texts.

    check_pairs.py [FOLDER]

Numbers know nothing of units that one side leaves out, of a percentage as its number, of months and choices: two texts
with a unit, or of the kinds of BY_RULE, may be equal by such a rule and have different values. Exits 1 on any other
verdict that the numbers contradict."""
import collections
import glob
import json
import os
import re
import sys

import numeric

BY_RULE = {"choices", "dates", "infinity"}
UNIT = re.compile(r"%|\\text\{|[0-9] ?[a-z]{2,}|\\circ")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..", "tests", "grade", "pairs")
    counts = collections.defaultdict(collections.Counter)
    n_bad = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            pair = json.loads(line)
            got = numeric.compare(pair["gold"], pair["pred"])
            by_rule = pair["expected"] is True and got is False and (
                pair["kind"] in BY_RULE or UNIT.search(pair["gold"] + pair["pred"]))
            verdict = "unread" if got is None else "agrees" if got == pair["expected"] else \
                "by rule" if by_rule else "CONTRADICTS"
            counts[pair["kind"]][verdict] += 1
            if verdict == "CONTRADICTS":
                n_bad += 1
                print(f"{pair['id']}: {pair['gold']!r} and {pair['pred']!r} should be {pair['expected']}, "
                      f"numbers say {got}")
    total = collections.Counter()
    for kind, c in counts.items():
        total.update(c)
        print(f"{kind:>20} {sum(c.values()):5} pairs: {dict(c)}")
    print(f"{sum(total.values())} pairs: {dict(total)}")
    sys.exit(n_bad > 0)


main()
