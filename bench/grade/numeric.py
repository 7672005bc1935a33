"""A second way to the value of an answer: a small reader of LaTeX and typed mathematics, and mpmath.

It shares nothing with the grader. It reads less, and says so: compare() gives True or False only where it read both
texts whole and evaluated them, to 80 digits, and to 1,200 where those agree (at points of both signs where there are
variables, as far as both sides are real there), else None. The checks of the pairs (check_pairs.py) and of the
rewritings (check_rewrites.py) rest on it."""
import functools
import random
import re

import mpmath
from mpmath import mp, mpf

from formula import COMMAND, SIGNS, NotReal, Reader, Unreadable, braced, divide

DIGITS = (80, 1200)  # two constants differ once the first part them, and are equal if the second do not
POINTS_DIGITS = 80
N_POINTS = 8  # of either sign
mp.dps = DIGITS[-1]

# What read() gives:
#     ("value", function, letters, has +-, its text if it is a decimal)
#     ("list" | "tuple" | "set" | "union", items)        ("interval", ends, brackets)        ("matrix", rows)
#     ("relation", sides, signs, the name on the left)   ("text", folded words)              ("infinite", sign)


def split_top(text, pattern):
    """Splits where the pattern matches outside of all brackets and arguments."""
    parts, depth, last, i = [], 0, 0, 0
    while i < len(text):
        if depth == 0 and (m := pattern.match(text, i)):
            parts.append(text[last:i])
            last = i = m.end()
            continue
        if text[i] == "\\" and text[i + 1:i + 2] in ("{", "}"):
            depth += 1 if text[i + 1] == "{" else -1
            i += 2
            continue
        if text.startswith(("\\begin{", "\\end{"), i):
            depth += 1 if text.startswith("\\begin{", i) else -1
            i = text.index("}", i) + 1
            continue
        if text[i] == "\\":
            i = COMMAND.match(text, i).end() if COMMAND.match(text, i) else i + 1
            continue
        depth += text[i] in "([{"
        depth -= text[i] in ")]}"
        i += 1
    return parts + [text[last:]]


COMMA = re.compile(r"(?<!\d),(?!\s*\\?!)|,(?!\s*\\?!|\d{3}(?!\d))"
                   r"|\\text\{\s*,?\s*(?:and|or)\s*\}|(?<=\s)(?:and|or)(?=\s)|;")
CUP = re.compile(r"\\cup(?![a-zA-Z])|∪")
RELATION = re.compile(r"\\(?:leq?|geq?|lt|gt)(?![a-zA-Z])|<=|>=|≤|≥|<|>|=")
NAME = re.compile(r"((?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?(?:\^\{-1\})?)(?:\([a-z](?:,\s*[a-z])*\))?")
WRAP = re.compile(r"^\s*(?:\$\$?(?P<a>[^$]*)\$\$?|\\\((?P<b>.*)\\\)|\\\[(?P<c>.*)\\\])\s*\.?\s*$", re.S)


def unwrap(text):
    text = text.strip()
    if ("<think>" in text or re.search(r"\d\.\d{3},\d", text) or
            text.count("\\boxed") > 1 or text.count("\\pm") > 1):
        raise Unreadable("not one formula")
    at = text.rfind("\\boxed{")
    if at >= 0:
        return unwrap(braced(text, at + len("\\boxed"))[0])
    if m := WRAP.match(text):
        return unwrap(next(g for g in m.groups() if g is not None))
    if re.search(r"(?<!\\)\$", text):
        raise Unreadable("a sentence")
    text = re.sub(r"\\(?:left|right)(?![a-zA-Z])", "", text)
    return re.sub(r"\.$", "", text.strip()).strip()


def outer(text):
    """The brackets around the whole text, and what is inside."""
    for left, right in (("\\{", "\\}"), ("(", ")"), ("[", "]"), ("(", "]"), ("[", ")"), ("\\langle", "\\rangle")):
        if text.startswith(left) and text.endswith(right) and len(text) >= len(left) + len(right):
            inner, depth = text[len(left):len(text) - len(right)], 0
            for c in re.sub(r"\\[{}]", lambda m: "(" if m.group() == "\\{" else ")", inner):
                depth += c in "(["
                depth -= c in ")]"
                if depth < 0:
                    break
            if depth == 0:
                return left + right, inner
    return None, text


@functools.lru_cache(maxsize=200000)
def read(text):
    text = unwrap(text)
    if m := re.fullmatch(r"\\text(?:bf|it|rm)?\{([^{}\d]*[A-Za-z][^{}\d]*)\}", text):
        return ("text", fold(m.group(1)))
    if m := re.fullmatch(r"(?:\\frac12\s*)?\\begin\{[pb]matrix\}(.*)\\end\{[pb]matrix\}", text, re.S):
        if "\\begin" in m.group(1):
            raise Unreadable("several matrices")
        if not text.startswith("\\frac"):
            rows = [r for r in m.group(1).split("\\\\") if r.strip()]
            return ("matrix", tuple(tuple(read(x) for x in row.split("&")) for row in rows))
    if len(parts := split_top(text, CUP)) > 1:
        return ("union", tuple(read(p) for p in parts))
    if len(parts := split_top(text, COMMA)) > 1:
        if not all(p.strip() for p in parts[:-1]) or (re.search(r"\band\b", text) and RELATION.search(text)):
            raise Unreadable("a list with a gap, or a system")
        return ("list", tuple(read(p) for p in parts if p.strip()))
    if len(parts := split_top(text, RELATION)) > 1:
        signs = tuple(SIGNS.get(s.lstrip("\\"), {"≤": "<=", "≥": ">="}.get(s, s)) for s in relation_signs(text))
        if len(signs) > 0 and all(s in (">", ">=") for s in signs):
            parts, signs = parts[::-1], tuple(s.replace(">", "<") for s in signs[::-1])
        name = NAME.fullmatch(parts[0].strip())
        return ("relation", tuple(read(p) for p in parts), signs, name and name.group(1))
    brackets, inner = outer(text)
    if brackets and re.search(r"(?<!\d)\d{1,3},\d{3}(?!\d)", inner):
        raise Unreadable("a number or two")
    if brackets:
        items = split_top(inner, COMMA)
        if len(items) > 1 and not all(p.strip() for p in items):
            raise Unreadable("a gap")
        items = [p for p in items if p.strip()]
        if brackets == "\\{\\}":
            return ("set", tuple(read(p) for p in items))
        if len(items) == 2 and (brackets in ("[]", "(]", "[)") or "infty" in inner):
            return ("interval", tuple(read(p) for p in items), brackets)
        if len(items) > 1:
            return ("tuple", tuple(read(p) for p in items))
    if re.fullmatch(r"[-+−]?\s*(\\infty|∞|oo|inf)", text):
        return ("infinite", -1 if text[0] in "-−" else 1)
    if re.fullmatch(r"(?!.*(?:sqrt|pi|sin|cos))[A-Za-z]{3,}(?: [A-Za-z]+){0,2}", text):
        return ("text", fold(text))
    reader = Reader(text)
    value = reader.sum()
    if reader.peek()[0] != "end":
        raise Unreadable(f"rest: {reader.peek()}")
    literal = re.fullmatch(r"[-−+]?\s*(\d*\.\d+\s*\\?%?)", text)
    return ("value", value, frozenset(reader.letters), reader.is_plus_minus, literal and literal.group(1))


def relation_signs(text):
    out, depth, i = [], 0, 0
    while i < len(text):
        if depth == 0 and (m := RELATION.match(text, i)):
            out.append(m.group())
            i = m.end()
            continue
        depth += text[i] in "([{"
        depth -= text[i] in ")]}"
        i += 1
    return out


def fold(words):
    words = re.sub(r"[^a-z0-9 ]", " ", words.lower())
    return " ".join(w for w in words.split() if w not in ("a", "an", "the"))


def points_of(letters):
    rng = random.Random(20251127)
    for sign in (1, -1) if letters else (1,):
        for _ in range(N_POINTS if letters else 1):
            yield {name: sign * mpf(rng.randint(11, 97)) / rng.randint(13, 41) for name in sorted(letters)}


def same_number(a, b):
    """To mp.dps digits. What cannot be told from zero is None."""
    size = max(abs(a), abs(b))
    if abs(a - b) <= size * mpf(10) ** (10 - mp.dps):
        return True
    return None if size < mpf(10) ** (15 - mp.dps) else False


def is_real(z):
    return abs(mpmath.im(z)) <= abs(z) * mpf(10) ** (15 - mp.dps)


def values_at(x, env):
    return [x[1]({**env, "+-": s}) for s in ((1, -1) if x[3] else (1,))]


def same_at(a, b, env):
    """None where a side is not real, and there are variables."""
    try:
        left, right = values_at(a, env), values_at(b, env)
    except NotReal:
        return None
    if env and not all(is_real(z) for z in left + right):
        return None
    for these, those in ((left, right), (right, left)):
        for x in these:
            found = [same_number(x, y) for y in those]
            if not any(found):
                return None if None in found else False
    return True


def same_value(a, b):
    letters = a[2] | b[2]
    if not letters and bool(a[4]) != bool(b[4]):
        return rounds_to(*((a, b) if a[4] else (b, a)))
    seen = []
    for env in points_of(letters):
        for digits in (POINTS_DIGITS,) if letters else DIGITS:
            with mp.workdps(digits):
                at = same_at(a, b, env)
            if at is False:
                return False
        seen.append(at)
    if not letters and seen == [None]:  # both as good as zero: to be told by the size that is written
        raise Unreadable("too close to zero to tell")
    if seen.count(True) < (N_POINTS / 2 if letters else 1):
        raise Unreadable("too few points where both sides are real")
    return True


def rounds_to(decimal, exact):
    """The rule of docs/grader.md: at least three significant digits, correctly rounded, and only where the exact value
    does not terminate."""
    x, y = decimal[1]({}), exact[1]({})
    if same_number(x, y):
        return True
    if not is_real(y):
        return False
    scaled = y * mpf(10) ** 60
    if abs(scaled - mpmath.nint(scaled)) < mpf(10) ** -500:
        return False
    digits = decimal[4].replace("%", "")
    places = len(digits.split(".")[1]) + (2 if "%" in decimal[4] else 0)
    significant = len(digits.replace(".", "").lstrip("0"))
    return significant >= 3 and abs(x - y) <= mpf(10) ** -places / 2


def same_items(a, b, ordered):
    if len(a) != len(b):
        return False
    if ordered:
        return all(same(x, y) for x, y in zip(a, b))
    rest = list(b)
    for x in a:
        hit = next((k for k, y in enumerate(rest) if same(x, y)), None)
        if hit is None:
            return False
        rest.pop(hit)
    return True


def without_repetition(items):
    out = []
    for x in items:
        if not any(same(x, y) for y in out):
            out.append(x)
    return out


def named(x):
    """x = 5 as 5; f(x) = x + 1 as x + 1."""
    return x[1][1] if x[0] == "relation" and x[2] == ("=",) and x[3] else x


def names_of(x):
    if x[0] == "list":
        return frozenset().union(*(names_of(item) for item in x[1]))
    return frozenset([x[3]]) if x[0] == "relation" and x[3] else frozenset()


def expanded(x):
    """All answers of a text, in a list: +- and sets and "x = 1, x = 2" written out."""
    x = named(x)
    if x[0] == "value" and x[3]:
        return [("value", (lambda f, s: lambda env: f({**env, "+-": s}))(x[1], s), x[2], False, None) for s in (1, -1)]
    if x[0] in ("list", "set"):
        return [y for item in x[1] for y in expanded(item)]
    return [x]


def same_equation(a, b):
    """Equal up to a constant factor, tried at points."""
    def side(x):
        left, right = x[1]
        return lambda env: left[1](env) - right[1](env)
    if any(s[0] != "value" for x in (a, b) for s in x[1]):
        raise Unreadable("equation of structures")
    letters = frozenset().union(*(s[2] for x in (a, b) for s in x[1]))
    with mp.workdps(POINTS_DIGITS):
        ratios = [divide(side(a)({**env, "+-": 1}), side(b)({**env, "+-": 1})) for env in points_of(letters)]
        return bool(ratios[0]) and all(same_number(r, ratios[0]) for r in ratios)


def same_relation(a, b):
    if a[2] == b[2] == ("=",):
        if a[3] and b[3] and a[3] == b[3] and same(a[1][1], b[1][1]):
            return True
        return same_equation(a, b)
    if len(a[2]) != len(b[2]):
        raise Unreadable("relations of different shape")
    sides = [same(x, y) for x, y in zip(a[1], b[1])]
    constants = all(x[0] != "value" or not x[2] for k, pair in enumerate(zip(a[1], b[1])) if not sides[k] for x in pair)
    if all(sides):
        return a[2] == b[2]
    if not constants or a[2] != b[2]:
        raise Unreadable("relations that only a proof can compare")
    return False


def as_interval(x):
    """a < x <= b as (a, b]; other things as they are."""
    if x[0] != "relation" or not all(s in ("<", "<=") for s in x[2]) or len(x[1]) > 3:
        return x
    free = [s[0] == "value" and bool(s[2]) for s in x[1]]
    if any(f and (len(s[2]) != 1 or s[1](dict.fromkeys(s[2], -7)) != -7) for f, s in zip(free, x[1])):
        return x  # more than a lone letter
    if free == [False, True, False]:
        ends, signs = (x[1][0], x[1][2]), x[2]
    elif free == [True, False]:
        ends, signs = (("infinite", -1), x[1][1]), ("<", x[2][0])
    elif free == [False, True]:
        ends, signs = (x[1][0], ("infinite", 1)), (x[2][0], "<")
    else:
        return x
    return ("interval", ends, "[("[signs[0] == "<"] + "])"[signs[1] == "<"])


def same(a, b):
    if {a[0], b[0]} == {"interval", "relation"}:
        a, b = as_interval(a), as_interval(b)
    kinds = {a[0], b[0]}
    if kinds == {"relation"}:
        return same_relation(a, b)
    names = [names_of(x) for x in (a, b)]
    if max(map(len, names)) > 1 or (names[0] and names[1] and names[0] != names[1]):
        raise Unreadable("several names")
    a, b = named(a), named(b)
    kinds = {a[0], b[0]}
    if kinds & {"list", "set"} or any(x[0] == "value" and x[3] for x in (a, b)):
        if kinds & {"tuple", "interval", "matrix", "text", "relation", "union"}:
            raise Unreadable("list against another structure")
        items = [expanded(x) for x in (a, b)]
        if "set" in kinds:
            items = [without_repetition(x) for x in items]
        return same_items(*items, ordered=False)
    if "relation" in kinds:
        raise Unreadable("a statement against another thing")
    if kinds == {"value"}:
        return same_value(a, b)
    if kinds in ({"text"}, {"infinite"}):
        return a[1] == b[1]
    if kinds == {"tuple"}:
        return same_items(a[1], b[1], ordered=True)
    if kinds == {"interval"}:
        return a[2] == b[2] and same_items(a[1], b[1], ordered=True)
    if kinds == {"union"}:
        if any(x[0] != "interval" for u in (a, b) for x in u[1]):
            raise Unreadable("union of other sets than intervals")
        return same_items(a[1], b[1], ordered=False)
    if kinds == {"matrix"}:
        return len(a[1]) == len(b[1]) and all(same_items(x, y, ordered=True) for x, y in zip(a[1], b[1]))
    if kinds == {"value", "infinite"}:
        return False
    raise Unreadable(f"{a[0]} against {b[0]}")


def compare(gold, pred):
    """True, False, or None where either text is beyond this reader."""
    try:
        return same(read(gold), read(pred))
    except (Unreadable, NotReal, ArithmeticError, ValueError, LookupError, TypeError, RecursionError, AttributeError,
            mpmath.libmp.ComplexResult, NotImplementedError):
        return None
