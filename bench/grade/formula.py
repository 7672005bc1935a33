"""A small reader of formulas, in LaTeX or typed, that makes functions for mpmath to evaluate.

It shares nothing with the grader, reads less, and raises Unreadable for the rest. numeric.py is built on it."""
import re

import mpmath
from mpmath import mp, mpf, mpc

MAX_BITS = 20000  # of a power or factorial


class Unreadable(Exception):
    pass


class NotReal(Exception):
    """A side has no real value at a point."""


NUMBER = re.compile(r"\d+(?:\.\d+)?[eE][-+]?\d+(?![a-zA-Z\d])"
                    r"|\d{1,3}(?:(?:,\\!|\{,\}|,|\\,)\d{3})+(?![\d,])(?:\.\d+)?|\d+\.\d+|\d+|\.\d+")
COMMAND = re.compile(r"\\([a-zA-Z]+|.)")
FUNCTIONS = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot, "sec": mpmath.sec, "csc": mpmath.csc,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "asin": mpmath.asin, "acos": mpmath.acos,
    "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "ln": mpmath.log,
    "exp": mpmath.exp, "log": lambda z: mpmath.log(z) / mpmath.log(10), "lg": lambda z: mpmath.log(z) / mpmath.log(10),
    "floor": mpmath.floor, "ceil": mpmath.ceil, "abs": abs,
}
INVERSE = {"sin": mpmath.asin, "cos": mpmath.acos, "tan": mpmath.atan}
GREEK = ("alpha beta gamma delta epsilon theta lambda mu nu rho sigma tau phi varphi omega psi chi eta zeta kappa "
         "xi").split()
SKIP = {"left", "right", "displaystyle", "!", ",", ";", ":", " ", "quad", "qquad", "big", "Big", "bigl", "bigr",
        "limits", "textstyle"}
SIGNS = {"le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "lt": "<", "gt": ">", "cdot": "*", "times": "*",
         "div": "/", "pm": "+-", "mp": "-+", "infty": "inf", "cup": "cup", "circ": "deg", "degree": "deg",
         "%": "%", "lbrace": "set{", "rbrace": "}set", "{": "set{", "}": "}set", "langle": "(", "rangle": ")",
         "lvert": "|", "rvert": "|", "vert": "|", "in": "in", "neq": "!=", "ne": "!=", "lfloor": "floor[",
         "rfloor": "]floor", "lceil": "ceil[", "rceil": "]ceil", "$": "$"}
UNICODE = {"π": r"\pi ", "√": r"\sqrt ", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "−": "-", "∞": r"\infty ",
           "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∈": r"\in ", "±": r"\pm ", "°": r"^\circ ", "½": r"\frac12 ",
           "²": "^2 ", "³": "^3 ", "θ": r"\theta ", "⟨": "(", "⟩": ")", "≠": r"\ne "}


def tokens_of(text):
    text = re.sub(r"√(\d+)", r"\\sqrt{\1}", text)
    for sign, latex in UNICODE.items():
        text = text.replace(sign, latex)
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c.isspace() or c == "~":
            out.append(("space", ""))
            i += 1
        elif m := NUMBER.match(text, i):
            out.append(("num", m.group()))
            i = m.end()
        elif c == "\\":
            m = COMMAND.match(text, i)
            if not m:
                raise Unreadable("lone backslash")
            name, i = m.group(1), m.end()
            if name == "\\":
                out.append(("sign", "row"))
            elif name in SKIP:
                out.append(("space", ""))
            elif name in ("text", "mbox", "textbf", "textrm", "mathrm", "mathbf"):
                word, i = braced(text, i)
                if name in ("mathrm", "mathbf") and re.fullmatch("[a-zA-Z]", word):
                    out.append(("letter", word))
                elif re.search(r"[\d()]", word):
                    raise Unreadable("words with digits")
                else:
                    out.append(("word", word))
            elif name in ("dfrac", "tfrac", "cfrac", "frac"):
                out.append(("cmd", "frac"))
            elif name in ("dbinom", "tbinom", "binom"):
                out.append(("cmd", "binom"))
            elif name in ("begin", "end"):
                env, i = braced(text, i)
                if name == "begin" and env == "array" and text[i:i + 1] == "{":
                    _, i = braced(text, i)
                out.append((name, env))
            elif name in SIGNS:
                out.append(("sign", SIGNS[name]))
            else:
                out.append(("cmd", name))
        elif c.isascii() and c.isalpha():
            m = re.compile("[A-Za-z]+").match(text, i)
            i = m.end()
            out.extend(split_letters(m.group()))
        elif text[i:i + 2] in ("**", "<=", ">=", "!!"):
            out.append(("sign", {"**": "^"}.get(text[i:i + 2], text[i:i + 2])))
            i += 2
        elif c in "+-*/^_(){}[],|!<>=%;&.:":
            out.append(("sign", c))
            i += 1
        else:
            raise Unreadable(f"character {c!r}")
    return out


def braced(text, i):
    while i < len(text) and text[i] == " ":
        i += 1
    if text[i:i + 1] != "{":
        raise Unreadable("expected {")
    depth = 0
    for j in range(i, len(text)):
        depth += {"{": 1, "}": -1}.get(text[j], 0)
        if depth == 0:
            return text[i + 1:j], j + 1
    raise Unreadable("open brace")


def split_letters(run):
    """Names of functions and constants that are typed without a backslash, else single letters."""
    known = sorted([*FUNCTIONS, "sqrt", "pi", "oo", "inf", "infinity", *GREEK], key=len, reverse=True)
    if run in ("cm", "mm", "km", "kg", "ft", "lb", "am", "pm", "AM", "PM", "mi", "GB", "MB", "Pi", "or"):
        raise Unreadable("a unit or a word")
    out, i = [], 0
    while i < len(run):
        name = next((k for k in known if run.startswith(k, i) and (len(k) > 2 or run == k or k in ("pi", "ln"))), None)
        if name in ("oo", "inf", "infinity"):
            out.append(("sign", "inf"))
        elif name:
            out.append(("cmd", name))
        else:
            out.append(("letter", run[i]))
        i += len(name) if name else 1
    if sum(kind == "letter" for kind, _ in out) > 2:
        raise Unreadable(f"a word: {run}")
    return out


def number_value(digits):
    return mpf(re.sub(r"[^\d.eE+-]", "", digits))


def power(base, exponent):
    if abs(exponent) > 1 and base != 0 and abs(exponent) * abs(mpmath.log(abs(base), 2)) > MAX_BITS:
        raise Unreadable("power too large")
    if base == 0 and mpmath.re(exponent) <= 0:
        raise Unreadable("zero to a power that is not positive")
    return mpmath.power(base, exponent)


def root(radicand, degree):
    real = mpmath.im(radicand) == 0
    if real and degree == int(degree) and int(degree) % 2 == 1 and mpmath.re(radicand) < 0:
        return -mpmath.root(-mpmath.re(radicand), int(degree))
    return mpmath.power(radicand, 1 / mpf(degree))


def square_root(radicand, env):
    """Of a negative number only where there are no variables: else the point has no real value."""
    if len(env) > 1 and mpmath.im(radicand) == 0 and mpmath.re(radicand) < 0:
        raise NotReal
    return mpmath.sqrt(radicand)


def divide(a, b):
    if abs(b) < mpf(10) ** (8 - mp.dps):
        raise Unreadable("division by zero")
    return a / b


class Reader:
    """Recursive descent; values are functions of an environment (letter -> number; "+-" -> 1 or -1)."""

    def __init__(self, text):
        self.toks = tokens_of(text)
        self.i = 0
        self.letters = set()
        self.is_plus_minus = False

    def skip(self):
        while self.i < len(self.toks) and self.toks[self.i][0] == "space":
            self.i += 1

    def peek(self):
        self.skip()
        return self.toks[self.i] if self.i < len(self.toks) else ("end", "")

    def next(self):
        tok = self.peek()
        self.i += 1
        return tok

    def accept(self, sign):
        if self.peek() == ("sign", sign):
            self.i += 1
            return True
        return False

    def expect(self, sign):
        if not self.accept(sign):
            raise Unreadable(f"expected {sign}, got {self.peek()}")

    # sums, products, powers

    def sum(self):
        terms = []
        sign = self.term_sign(first=True)
        while sign:
            terms.append((sign, self.product()))
            sign = self.term_sign(first=False)
        return lambda env: sum((s(env) * t(env) for s, t in terms), mpf(0))

    def term_sign(self, first):
        for sign, value in (("+-", lambda env: env["+-"]), ("-+", lambda env: -env["+-"]), ("+", lambda env: 1),
                            ("-", lambda env: -1)):
            if self.accept(sign):
                self.is_plus_minus |= sign in ("+-", "-+")
                follow = self.term_sign(first=False) if self.peek()[1] in ("+", "-") else None
                return (lambda env: value(env) * follow(env)) if follow else value
        return (lambda env: 1) if first else None

    def starts_factor(self):
        kind, what = self.peek()
        return kind in ("num", "cmd", "letter", "begin", "word") or (
            kind == "sign" and what in ("(", "{", "[", "floor[", "ceil[") and (what != "[" or self.in_brackets()))

    def in_brackets(self):
        """[x] as a bracket within a product: closed by ] with no comma before."""
        depth = 0
        for kind, what in self.toks[self.i:]:
            if kind == "sign" and what in "([{":
                depth += 1
            if kind == "sign" and what in ")]}":
                depth -= 1
                if depth == 0:
                    return what == "]"
            if kind == "sign" and what == "," and depth == 1:
                return False
        return False

    def product(self):
        value = self.factor()
        while True:
            if self.accept("*"):
                value = (lambda a, b: lambda env: a(env) * b(env))(value, self.signed_factor())
            elif self.accept("/"):
                value = (lambda a, b: lambda env: divide(a(env), b(env)))(value, self.signed_factor())
            elif self.starts_factor():
                if self.peek()[0] == "num":
                    raise Unreadable("a number after a factor")
                value = (lambda a, b: lambda env: a(env) * b(env))(value, self.factor())
            else:
                return value

    def signed_factor(self):
        if self.accept("-"):
            f = self.signed_factor()
            return lambda env: -f(env)
        return self.factor()

    def factor(self):
        value = self.atom()
        while True:
            if self.accept("!!"):
                value = (lambda v: lambda env: mpmath.fac2(small(v(env))))(value)
            elif self.accept("!"):
                value = (lambda v: lambda env: mpmath.factorial(small(v(env))))(value)
            elif self.accept("%"):
                value = (lambda v: lambda env: v(env) / 100)(value)
            elif self.accept("^"):
                value = self.raised(value)
            else:
                return value

    def raised(self, base):
        if self.peek() == ("sign", "{"):
            mark = self.i
            self.next()
            if self.accept("deg"):
                self.expect("}")
                return lambda env: base(env) * mpmath.pi / 180
            self.i = mark
        if self.accept("deg"):
            return lambda env: base(env) * mpmath.pi / 180
        exponent = self.argument(exponent=True)
        return lambda env: power(base(env), exponent(env))

    def argument(self, exponent=False):
        """What follows ^, \\frac, \\sqrt: a group, one digit, a letter, or a command with its arguments."""
        kind, what = self.peek()
        if self.accept("{"):
            value = self.sum()
            self.expect("}")
            return value
        if exponent and (kind, what) == ("sign", "("):
            return self.atom()
        if exponent and self.accept("-"):
            inner = self.argument(exponent=True)
            return lambda env: -inner(env)
        if kind == "num" and what.isdigit() and not (exponent and self.typed()):
            self.i += 1
            if len(what) > 1:
                self.i -= 1
                self.toks[self.i] = ("num", what[1:])
            digit = mpf(what[0])
            return lambda env: digit
        return self.atom()

    def typed(self):
        """x^10 of typed mathematics: a text without any command of LaTeX."""
        return all(kind != "cmd" or what in FUNCTIONS or what in ("sqrt", "pi") for kind, what in self.toks) and \
            not any(kind in ("begin", "word") for kind, _ in self.toks)

    def atom(self):
        kind, what = self.next()
        if kind == "num":
            return self.number(what)
        if kind == "letter":
            return self.letter(what)
        if kind == "cmd":
            return self.command(what)
        if kind == "word":
            return self.unit(what)
        if kind == "sign" and what in ("(", "{", "["):
            value = self.sum()
            self.expect({"(": ")", "{": "}", "[": "]"}[what])
            return value
        if kind == "sign" and what in ("floor[", "ceil["):
            value = self.sum()
            self.expect("]" + what[:-1])
            fn = FUNCTIONS[what[:-1]]
            return lambda env: fn(value(env))
        if kind == "sign" and what == "|":
            value = self.sum()
            self.expect("|")
            return lambda env: abs(value(env))
        raise Unreadable(f"unexpected {what or 'end'}")

    def number(self, digits):
        value = number_value(digits)
        if self.accept("_"):
            base = self.argument()
            return lambda env: mpf(int(digits, int(base(env).real)))
        nxt = self.peek()
        if "." in digits and nxt == ("sign", "(") and self.toks[self.i + 1][0] == "num":
            raise Unreadable("perhaps a period")
        if nxt == ("cmd", "overline") and "." in digits:
            self.next()
            return self.repeating(digits)
        if nxt == ("sign", ".") and self.toks[self.i + 1:self.i + 2] == [("cmd", "overline")]:
            self.i += 2
            return self.repeating(digits + ".")
        if digits.isdigit() and nxt == ("cmd", "frac"):
            mark = self.i
            mixed = self.mixed(value)
            if mixed:
                return mixed
            self.i = mark
        over = self.toks[self.i + 1:self.i + 2] == [("sign", "/")]
        if digits.isdigit() and nxt[0] == "num" and nxt[1].isdigit() and over:
            self.next()
            self.next()
            below = self.next()
            if below[0] != "num":
                raise Unreadable("mixed number")
            return lambda env: value + number_value(nxt[1]) / number_value(below[1])
        return lambda env: value

    def mixed(self, whole):
        """3\\frac{1}{2}, if both arguments are whole numbers."""
        self.next()
        parts = []
        for _ in range(2):
            kind, what = self.peek()
            inner = self.toks[self.i + 1] if self.i + 1 < len(self.toks) else ("end", "")
            plain = kind == "num" or ((kind, what) == ("sign", "{") and inner[0] == "num" and
                                      self.toks[self.i + 2:self.i + 3] == [("sign", "}")])
            if not plain:
                return None
            parts.append(self.argument()({}))
        return lambda env: whole + divide(parts[0], parts[1])

    def repeating(self, digits):
        self.expect("{")
        kind, period = self.next()
        self.expect("}")
        if kind != "num" or not period.isdigit():
            raise Unreadable("period")
        places = len(digits.split(".")[1])
        value = number_value(digits + "0") + mpf(period) / (mpf(10) ** places * (mpf(10) ** len(period) - 1))
        return lambda env: value

    def letter(self, name):
        if name == "e":
            return lambda env: mpmath.e
        if name == "i":
            return lambda env: mpc(0, 1)
        if self.accept("_"):
            name += "_" + self.subscript()
            if re.search(r"_\d\d", name):
                raise Unreadable("perhaps a base")
        self.letters.add(name)
        return lambda env: env[name]

    def subscript(self):
        if self.accept("{"):
            out = ""
            while not self.accept("}"):
                kind, what = self.next()
                if kind == "end":
                    raise Unreadable("subscript")
                out += what
            return out
        return self.next()[1]

    def unit(self, words):
        if words.strip() in ("degree", "degrees"):
            return lambda env: mpmath.pi / 180
        name = "unit:" + words.strip()
        self.letters.add(name)
        return lambda env: env[name]

    def command(self, name):
        if name == "pi":
            return lambda env: mpmath.pi
        if name in GREEK:
            return self.letter("\\" + name)
        if name in ("frac", "binom"):
            a, b = self.argument(), self.argument()
            if name == "frac":
                return lambda env: divide(a(env), b(env))
            return lambda env: mpmath.binomial(small(a(env)), small(b(env)))
        if name == "sqrt":
            degree = None
            if self.accept("["):
                degree = self.sum()
                self.expect("]")
            value = self.atom() if self.peek() == ("sign", "(") else self.argument()
            if degree is None:
                return lambda env: square_root(value(env), env)
            return lambda env: root(value(env), degree(env))
        if name in FUNCTIONS:
            return self.call(name)
        raise Unreadable("\\" + name)

    def call(self, name):
        fn, exponent, base = FUNCTIONS[name], None, None
        while self.peek() in (("sign", "^"), ("sign", "_")):
            if self.accept("_"):
                base = self.argument()
            else:
                self.next()
                exponent = self.argument(exponent=True)
        if self.peek() == ("sign", "("):
            value = self.atom()
        else:
            value = self.call_product()
        if base is not None and name == "log":
            return lambda env: divide(mpmath.log(value(env)), mpmath.log(base(env)))
        if exponent is None:
            return lambda env: fn(value(env))

        def powered(env):
            k = exponent(env)
            if k == -1 and name in INVERSE:
                return INVERSE[name](value(env))
            return fn(value(env)) ** k
        return powered

    def call_product(self):
        """The argument of a function without brackets: factors up to the next sign or function."""
        value = self.factor()
        while self.starts_factor() and not (self.peek()[0] == "cmd" and self.peek()[1] in FUNCTIONS) and \
                self.peek() != ("sign", "("):
            value = (lambda a, b: lambda env: a(env) * b(env))(value, self.factor())
        return value


def small(z):
    if abs(z) > 3000:
        raise Unreadable("factorial too large")
    return z


