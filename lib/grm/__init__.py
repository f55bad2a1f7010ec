"""The judge: a model that reads traces by rubrics, and how far its verdicts can be trusted.

| | files |
|---|---|
| criteria in `params/rubrics/` | `rubric` |
| what a judge is asked, with records fenced as data | `prompt` `fence` |
| calls, and what is read from the replies | `judge` `reply` `evidence` |
| several samples and criteria made one score | `votes` `scores` `reward` |
| truth from programs, people and public sets | `truth` `labelling` `public_sets` |
| agreement with it, and what may be reported | `trust` |
| the judge of a study, its results and pages | `study` `results` `html` |
| whether a judge can be swayed | `probes/` |
| rubrics that improve | `evolution/` |
"""

from lib.grm.judge import Judge, Policy
from lib.grm.rubric import Criterion, Gate, Option, Rubric, RubricError
from lib.grm.rubric import load as load_rubric

__all__ = ["Criterion", "Gate", "Judge", "Option", "Policy", "Rubric", "RubricError", "load_rubric"]
