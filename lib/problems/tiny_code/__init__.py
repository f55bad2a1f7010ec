"""Small programming problems on lists of whole numbers, made by this project, with tests, solutions and updates.

A task is two to four steps ("double every item, then drop the items below 10"), asked for as a method or as a program.
Its *core* (the steps with their numbers, without wording and names) decides by a hash whether it belongs to the test
side or to the training side, so that no test problem, and no revision of one, can occur in training.
"""

from lib.problems.tiny_code.benchmark import PRIVATE, PUBLIC, SEED, changes, problems, updates
from lib.problems.tiny_code.change import Change, change, false_news, known_news
from lib.problems.tiny_code.steps import draw_step
from lib.problems.tiny_code.task import TEST_SHARE, Task, differ, draw, inputs, slips

__all__ = [
    "PRIVATE",
    "PUBLIC",
    "SEED",
    "TEST_SHARE",
    "Change",
    "Task",
    "change",
    "changes",
    "differ",
    "draw",
    "draw_step",
    "false_news",
    "inputs",
    "known_news",
    "problems",
    "slips",
    "updates",
]
