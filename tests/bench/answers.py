"""Pairs of a text and a gold answer, made anew for every run, so that nothing is known from the run before."""

import random

Pair = tuple[str, str]


def plain(count: int, seed: int) -> list[Pair]:
    """Texts and gold answers that are plain numbers, every third one wrong."""
    rng = random.Random(f"plain {seed}")
    pairs = []
    for i in range(count):
        gold = rng.randrange(10**6) if i % 2 else rng.randrange(10**6) / 100
        given = gold + (i % 3 == 0)
        pairs.append((f"So it is $\\boxed{{{given:,}}}$.", str(gold)))
    return pairs


def symbolic(count: int, seed: int) -> list[Pair]:
    """Texts and gold answers that have to be parsed: fractions, roots, polynomials, points, intervals; half wrong."""
    rng = random.Random(f"symbolic {seed}")
    pairs = []
    for i in range(count):
        a, b, c, d = rng.sample(range(2, 400), 4)
        e = c + (i % 2)
        forms = [
            (rf"\frac{{{a * 3}}}{{{c * 3}}}", rf"\frac{{{a}}}{{{e}}}"),
            (rf"{b} + {a}\sqrt{{{4 * c}}}", rf"{2 * a}\sqrt{{{e}}} + {b}"),
            (rf"(x+{a})(x-{c})", rf"x^2 + {a - e}x - {a * e}"),
            (rf"\left({a}, \frac{{{b}}}{{{2 * c}}}\right)", rf"({a}, \frac{{{3 * b}}}{{{6 * e}}})"),
            (rf"[{a}, {a + b}\pi)", rf"[{a}, {a + b + i % 2}\pi)"),
            (rf"\frac{{{a}\pi}}{{{c}}} + {d}", rf"{d} + {a}\cdot\frac{{\pi}}{{{e}}}"),
        ]
        given, gold = forms[i % len(forms)]
        pairs.append((f"So it is $\\boxed{{{given}}}$.", gold))
    return pairs
