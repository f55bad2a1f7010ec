"""The generative reward model: a judge that reads traces by rubrics, and what its verdicts are worth.

| modules | |
|---|---|
| `rubric` `words` `faults` | what is asked: criteria in `params/rubrics/`, checked when they are loaded |
| `items` `fence` `prompt` `judge` | asking: records cut into parts and fenced as data, calls, retries |
| `reply` `objects` `said` `refusals` `evidence` | reading what was replied, and finding what it quotes |
| `votes` `scores` `report` `reward` | several verdicts on one criterion, several criteria on one item; as a reward |
| `labelled` `people` `standing` `agreement` `calibration` `bootstrap` `probes` | against labels and against itself |
"""

from lib.grm.judge import Judge, Policy
from lib.grm.rubric import Criterion, Gate, Option, Rubric, RubricError
from lib.grm.rubric import load as load_rubric

__all__ = ["Criterion", "Gate", "Judge", "Option", "Policy", "Rubric", "RubricError", "load_rubric"]
