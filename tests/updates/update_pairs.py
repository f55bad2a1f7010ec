"""Fifty updates made by hand, all of them sound, and ten ways to break one."""

MATH = [  # problem, revised problem, update, answer, revised answer
    ("Ana buys 4 pens at $3 each. What does she pay?", "Ana buys 4 pens at $5 each. What does she pay?", "Wait, the pens cost $3 each, not $5.", "12", "20"),
    ("A train runs at 60 km/h for 2 hours. How far does it go?", "A train runs at 60 km/h for 5 hours. How far does it go?", "Correction: it runs for 2 hours only.", "120", "300"),
    ("Ben has 15 marbles and loses 6. How many are left?", "Ben has 15 marbles and loses 9. How many are left?", "He loses only 6 of them.", "9", "6"),
    ("What is the area of a square with side 7?", "What is the area of a square with side 8?", "The side is 7.", "49", "64"),
    ("A class has 12 boys and 13 girls. How many children?", "A class has 12 boys and 18 girls. How many children?", "There are 13 girls in it, sorry.", "25", "30"),
    ("Solve x + 5 = 11 for x.", "Solve x + 5 = 14 for x.", "The right side should read 11.", "6", "9"),
    ("What is the remainder of 29 divided by 4?", "What is the remainder of 29 divided by 5?", "Divide by 4 instead.", "1", "4"),
    ("Find the sum of the first 10 positive integers.", "Find the sum of the first 20 positive integers.", "Only the first 10 are meant.", "55", "210"),
    ("A rectangle is 3 by 9. What is its perimeter?", "A rectangle is 4 by 9. What is its perimeter?", "Its short side is 3.", "24", "26"),
    ("Lea reads 20 pages a day. How many in 6 days?", "Lea reads 25 pages a day. How many in 6 days?", "I meant 20 pages a day.", "120", "150"),
    ("How many edges does a cube have?", "How many faces does a cube have?", "Count the edges, please.", "12", "6"),
    ("Evaluate 2^5.", "Evaluate 3^5.", "The base is 2.", "32", "243"),
    ("Half of the 48 cakes are sold. How many remain?", "A quarter of the 48 cakes are sold. How many remain?", "In fact half of them are sold.", "24", "36"),
    ("Tom is twice as old as Sue, who is 8. How old is Tom?", "Tom is three times as old as Sue, who is 8. How old is Tom?", "He is only twice as old as she is.", "16", "24"),
    ("What is the greatest common divisor of 18 and 24?", "What is the least common multiple of 18 and 24?", "I want the greatest common divisor.", "6", "72"),
    ("What is the product of 7 and 8?", "What is the sum of 7 and 8?", "Take their product instead.", "56", "15"),
    ("A shirt of $40 is reduced by 25%. What does it cost?", "A shirt of $40 is reduced by 50%. What does it cost?", "The reduction is 25%.", "30", "20"),
    ("How many primes are below 10?", "How many primes are below 30?", "Only those below 10 count.", "4", "10"),
    ("A jar holds 5 red and 3 blue balls. How many in all?", "A jar holds 5 red and 7 blue balls. How many in all?", "There are 3 blue ones.", "8", "12"),
    ("What is f(3) for f(x) = x^2 + 1?", "What is f(4) for f(x) = x^2 + 1?", "Evaluate it at 3.", "10", "17"),
    ("What is the median of 1, 5, 9?", "What is the mean of 1, 5, 12?", "It is the median, of 1, 5 and 9.", "5", "6"),
    ("An angle of a triangle is 90 degrees, another 30. What is the third?", "An angle of a triangle is 90 degrees, another 45. What is the third?", "The other one has 30 degrees.", "60", "45"),
    ("Eva saves $9 a week. How much in 4 weeks?", "Eva saves $9 a week. How much in 6 weeks?", "For 4 weeks, I should have said.", "36", "54"),
    ("What is the slope of y = 3x + 2?", "What is the intercept of y = 3x + 2?", "No: the slope.", "3", "2"),
    ("A recipe for 2 takes 3 eggs. How many eggs for 4?", "A recipe for 2 takes 5 eggs. How many eggs for 4?", "It takes 3 eggs for two people.", "6", "10"),
]  # fmt: skip

STARTER = "class Solution:\n    def {}(self, items: List[int]) -> {}:\n        "

CODE = [  # problem, revised problem, update, starter code, revised starter code
    ("Return the list with each item doubled.", "Return the list with each item tripled.", "Double the items instead.", STARTER.format("change", "List[int]"), STARTER.format("change", "List[int]")),
    ("Return the largest item.", "Return the smallest item.", "I need the largest one.", STARTER.format("pick", "int"), STARTER.format("pick", "int")),
    ("Return the sum of the items.", "Return the product of the items.", "Their sum is wanted.", STARTER.format("fold", "int"), STARTER.format("fold", "int")),
    ("Return the items above 10.", "Return the items above 20.", "The bound is 10.", STARTER.format("keep", "List[int]"), STARTER.format("keep", "List[int]")),
    ("Return the items in reverse order.", "Return the items in sorted order.", "Reverse them instead.", STARTER.format("order", "List[int]"), STARTER.format("order", "List[int]")),
    ("Return how many items are even.", "Return how many items are odd.", "Count the even ones.", STARTER.format("count", "int"), STARTER.format("count", "int")),
    ("Return the first 3 items.", "Return the first 5 items.", "Only 3 of them.", STARTER.format("head", "List[int]"), STARTER.format("head", "List[int]")),
    ("Return the items without duplicates.", "Return only the items that occur twice.", "Drop duplicates, keep the rest.", STARTER.format("unique", "List[int]"), STARTER.format("unique", "List[int]")),
    ("Return the second largest item.", "Return the third largest item.", "The second largest, please.", STARTER.format("rank", "int"), STARTER.format("rank", "int")),
    ("Return the list rotated by 2.", "Return the list rotated by 4.", "Rotate by 2.", STARTER.format("rotate", "List[int]"), STARTER.format("rotate", "List[int]")),
    ("Return the sum of squares.", "Return the sum of cubes.", "Squares, not cubes.", STARTER.format("squares", "int"), STARTER.format("cubes", "int")),
    ("Return the running sums.", "Return the running products.", "I want sums.", STARTER.format("running_sums", "List[int]"), STARTER.format("running", "List[int]")),
    ("Return whether the list is sorted.", "Return whether the list is sorted downwards.", "Upwards is what counts.", STARTER.format("is_sorted", "bool"), STARTER.format("is_falling", "bool")),
    ("Return the list with each item doubled.", "Return the list with each item doubled.", "The method is called double.", STARTER.format("double", "List[int]"), STARTER.format("twice", "List[int]")),
    ("Return the index of 7, or -1.", "Return the index of 9, or -1.", "Look for 7.", STARTER.format("find", "int"), STARTER.format("find", "int")),
    ("Read a number and print its square.", "Read a number and print its cube.", "Print the square.", None, None),
    ("Read two numbers and print their sum.", "Read two numbers and print their difference.", "The sum is asked for.", None, None),
    ("Read a word and print it backwards.", "Read a word and print it in capitals.", "Print it backwards instead.", None, None),
    ("Read n and print the numbers from 1 to n.", "Read n and print the numbers from n to 1.", "Count upwards, from 1.", None, None),
    ("Read a line and print how many words it has.", "Read a line and print how many letters it has.", "Words are to be counted.", None, None),
    ("Read n numbers and print the mean.", "Read n numbers and print the median.", "It should be the mean.", None, None),
    ("Print the first 10 Fibonacci numbers.", "Print the first 12 Fibonacci numbers.", "Ten of them: 10.", None, None),
    ("Read a year and print whether it is a leap year.", "Read a year and print its century.", "Tell whether it is a leap year.", None, None),
    ("Read a number and print it in binary.", "Read a number and print it in hexadecimal.", "Binary is needed.", None, None),
    ("Read a list and print its maximum.", "Read a list and print its minimum.", "The maximum, I meant.", None, None),
]  # fmt: skip


def math_pair(row):
    """Statement, gold answer and update of a math pair."""
    problem, revised, update, answer, revised_answer = row
    news = {"kind": "necessary", "revised_problem": revised, "revised_answer": revised_answer, "update": update}
    return {"problem": problem, "answer": answer, "starter_code": None}, news | {"revised_starter_code": None}


def code_pair(row):
    """The same of a code pair, whose tests fail a solution of the revised problem."""
    problem, revised, update, starter, revised_starter = row
    news = {"kind": "necessary", "revised_problem": revised, "revised_answer": None, "update": update}
    asked = {"problem": problem, "answer": None, "starter_code": starter}
    return asked, news | {"revised_starter_code": revised_starter, "tests_fail": True}


GOOD = [*map(math_pair, MATH), *map(code_pair, CODE)]

# How to break one, on which pairs, and what is said then.
BREAKS = {
    "an empty update": (lambda asked, news: {"update": "  "}, GOOD[::10], "the update is empty"),
    "no revised problem": (lambda asked, news: {"revised_problem": None}, GOOD[1::10], "there is no revised problem"),
    "a revision that changes only spaces": (
        lambda asked, news: {"revised_problem": asked["problem"].replace(" ", "  ") + "\n", "revised_starter_code": asked["starter_code"]},
        GOOD[2::10],
        "the revised problem is the original",
    ),
    "an update that says the answer": (
        lambda asked, news: {"update": news["update"] + f" So the answer is {asked['answer']}."},
        GOOD[3:8],
        "the update names the answer",
    ),
    "one answer for both": (lambda asked, news: {"revised_answer": asked["answer"]}, GOOD[8:13], "the same answer"),
    "a revision that nobody can solve": (lambda asked, news: {"revised_answer": None}, GOOD[13:18], "no answer of the revised"),
    "an update that is the whole problem": (
        lambda asked, news: {"update": f"Here it is again: {asked['problem']}"},
        GOOD[4::10],
        "the update repeats the problem",
    ),
    "an update that leaves out a changed number": (
        lambda asked, news: {"update": "Something in the problem has changed."},
        [GOOD[i] for i in (0, 1, 2, 28, 31)],
        "the update does not say",
    ),
    "starter code that is lost": (
        lambda asked, news: {"revised_starter_code": " "},
        GOOD[25:30],
        "the starter code is lost",
    ),
    "tests that a solution of the revision passes": (
        lambda asked, news: {"tests_fail": False},
        GOOD[40:45],
        "the tests pass",
    ),
}  # fmt: skip
