"""Rewritings that change the value, of the form of those in rewrite_keep.py."""
import re

import numeric
from answers import in_dollars, joined
from formula import Unreadable

INTEGER = re.compile(r"-?\d+")
SQRT = re.compile(r"\\sqrt\{?(\d+)\}?")


def nth_replaced(pattern, text, rng, change):
    """One match of the pattern, chosen at random, replaced by change(match)."""
    found = list(pattern.finditer(text))
    if not found:
        return None
    m = rng.choice(found)
    new = change(m)
    return None if new is None or new == m.group() else text[:m.start()] + new + text[m.end():]


def dollars_or_none(text):
    return None if text is None else in_dollars(text)


def sign_flipped(a, rng):
    if not a.is_formula:
        return None
    return in_dollars(a.bare[1:].strip() if re.fullmatch(r"-[^+-]*", a.bare) else f"-\\left({a.bare}\\right)"
                      if len(a.terms()) > 1 else "-" + a.bare)


def plus_one(a, rng):
    return in_dollars(str(int(a.text) + 1) if a.is_integer else f"{a.bare}+1") if a.is_formula else None


def integer_changed(a, rng):
    if a.shape == "unread" and not a.has_words:
        return None
    return dollars_or_none(nth_replaced(INTEGER, a.text, rng, lambda m: str(int(m.group()) + rng.choice((1, 2, 10)))))


def digits_swapped(a, rng):
    def swap(m):
        d = m.group()
        i = rng.randrange(len(d) - 1)
        return d[:i] + d[i + 1] + d[i] + d[i + 2:]
    return dollars_or_none(nth_replaced(re.compile(r"(?<![\d.])[1-9]\d+(?![\d.])"), a.text, rng, swap))


def numerator_changed(a, rng):
    return in_dollars(f"{a.fraction[1]}\\frac{{{int(a.fraction[2]) + 1}}}{{{a.fraction[3]}}}") if a.fraction else None


def upside_down(a, rng):
    return in_dollars(f"{a.fraction[1]}\\frac{{{a.fraction[3]}}}{{{a.fraction[2]}}}") if a.fraction else None


def wrong_rounding(a, rng):
    """Cut off, or one too high, in the last of three to five digits."""
    if not a.is_number or a.is_integer or a.tree[4] or "\\pm" in a.text:
        return None
    try:
        value = a.tree[1]({})
    except (Unreadable, ValueError, ZeroDivisionError):
        return None
    if not numeric.is_real(value) or not 0.1 < abs(value) < 10000:
        return None
    places = rng.randint(3, 5)
    unit = numeric.mpf(10) ** -places
    right = numeric.mpmath.nint(value / unit)
    wrong = int(right) + rng.choice((1, -1))
    digits = str(abs(wrong)).zfill(places + 1)
    return in_dollars(f"{'-' if wrong < 0 else ''}{digits[:-places]}.{digits[-places:]}")


def entries_swapped(a, rng):
    parts = a.items()
    if parts is None or a.shape != "tuple" or len(parts[1]) < 2:
        return None
    i = rng.randrange(len(parts[1]) - 1)
    parts[1][i], parts[1][i + 1] = parts[1][i + 1], parts[1][i]
    return in_dollars(parts[0] + ", ".join(parts[1]) + parts[2])


def element_dropped(a, rng):
    parts = a.items()
    if parts is None or len(parts[1]) < 2:
        return None
    parts[1].pop(rng.randrange(len(parts[1])))
    return in_dollars(parts[0] + ", ".join(parts[1]) + parts[2])


def element_added(a, rng):
    parts = a.items()
    if parts is None:
        return in_dollars(f"{a.bare}, {rng.randint(101, 199)}") if a.is_number else None
    return in_dollars(parts[0] + ", ".join(parts[1] + [str(rng.randint(101, 199))]) + parts[2])


def other_end(a, rng):
    """An end that is open for one that is closed, or the other way round; never at infinity."""
    if a.shape not in ("interval", "union"):
        return None
    ends = re.compile(r"[(\[](?=\s*-?[\d\\])(?!\s*-?\s*\\infty)"
                      r"|(?<!\\infty)(?<!\\infty )[)\]](?=\s*(?:\\cup|$))")
    other = {"(": "[", "[": "(", ")": "]", "]": ")"}
    return dollars_or_none(nth_replaced(ends, a.bare, rng, lambda m: other[m.group()]))


def doubled(a, rng):
    return in_dollars(f"2\\left({a.bare}\\right)") if a.is_formula and "\\pm" not in a.text else None


def exponent_changed(a, rng):
    power = re.compile(r"\^\{?(\d+)\}?")
    if not a.is_formula or not a.letters:
        return None
    return dollars_or_none(nth_replaced(power, a.text, rng, lambda m: f"^{{{int(m[1]) + 1}}}"))


def variable_changed(a, rng):
    letters = sorted(x for x in a.letters if len(x) == 1 and x.islower())  # a capital may be a choice
    if not a.is_formula or not letters:
        return None
    old = rng.choice(letters)
    new = rng.choice([c for c in "abcmnpqrstuvwxyz" if c not in a.letters and c != old])
    return in_dollars(re.sub(r"(?<![a-zA-Z\\])%s(?![a-zA-Z])" % old, new, a.text))


def operator_changed(a, rng):
    terms = a.terms()
    if len(terms) < 2:
        return None
    i = rng.randrange(1, len(terms))
    terms[i] = {"+": "-", "-": "+"}[terms[i][0]] + terms[i][1:]
    return in_dollars(joined(terms))


def radicand_changed(a, rng):
    return dollars_or_none(nth_replaced(SQRT, a.text, rng, lambda m: f"\\sqrt{{{int(m[1]) + 1}}}"))


def root_left_out(a, rng):
    return dollars_or_none(nth_replaced(SQRT, a.text, rng, lambda m: f"\\cdot {m[1]}" if m.start() else m[1]))


def pi_left_out(a, rng):
    out = re.sub(r"\\pi(?![a-zA-Z])", "1" if re.search(r"[{(]\\pi|^\\pi", a.text) else "", a.text)
    return in_dollars(out) if a.is_number and out != a.text and "1" not in a.text else None


def point_moved(a, rng):
    m = re.fullmatch(r"(-?)(\d*)\.(\d)(\d*)", a.text)
    return in_dollars(f"{m[1]}{m[2]}{m[3]}.{m[4] or '0'}") if m else None


def unit_changed(a, rng):
    units = {"cm": "mm", "meters": "cm", "ft": "inches", "feet": "inches", "inches": "feet", "hours": "minutes",
             "minutes": "hours", "miles": "km", "pounds": "kg", "mph": "km/h", "degrees": "radians"}
    m = re.fullmatch(r"(-?[\d.]+)\s*(\\?,?\s*)\\(?:text|mbox)\{\s*([^{}]*)\}", a.text)
    new = m and units.get(m[3].strip())
    return in_dollars(f"{m[1]}\\text{{ {new}}}") if new else None


def matrix_entries_swapped(a, rng):
    if a.shape != "matrix":
        return None
    m = re.fullmatch(r"\\begin\{(.matrix)\}(.*)\\end\{.matrix\}", a.bare, re.S)
    rows = [[x.strip() for x in row.split("&")] for row in m[2].split("\\\\") if row.strip()]
    cells = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    (i, j), (k, n) = rng.sample(cells, 2) if len(cells) > 1 else (cells[0], cells[0])
    rows[i][j], rows[k][n] = rows[k][n], rows[i][j]
    return in_dollars("\\begin{%s} %s \\end{%s}" % (m[1], " \\\\ ".join(" & ".join(r) for r in rows), m[1]))


def another_answer(answers):
    """The answer of another problem, of the same shape; in the same shape of words another word."""
    by_shape = {}
    for a in answers:
        by_shape.setdefault((a.shape, a.is_integer, bool(a.letters)), []).append(a)

    def rewrite(a, rng):
        other = rng.choice(by_shape[(a.shape, a.is_integer, bool(a.letters))])
        if re.sub(r"\W", "", other.text).lower() == re.sub(r"\W", "", a.text).lower():
            return None
        return rng.choice(("$%s$", "The final answer is $\\boxed{%s}$.")) % other.text
    return rewrite


CHANGE = {fn.__name__: fn for fn in (
    sign_flipped, plus_one, integer_changed, digits_swapped, numerator_changed, upside_down, wrong_rounding,
    entries_swapped, element_dropped, element_added, other_end, doubled, exponent_changed, variable_changed,
    operator_changed, radicand_changed, root_left_out, pi_left_out, point_moved, unit_changed,
    matrix_entries_swapped)}
