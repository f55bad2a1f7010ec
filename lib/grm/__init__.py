"""The generative reward model: a judge that reads traces by rubrics, and what its verdicts are worth.

| | modules |
|---|---|
| what is asked: criteria in `params/rubrics/`, checked when they are loaded | `rubric` `words` `faults` |
| records cut into parts and fenced as data | `items` `fence` `prompt` |
| calls, retries, a second opinion | `judge` `batches` `meta` |
| reading what was replied, and finding what it quotes | `reply` `objects` `said` `refusals` `evidence` |
| several verdicts on one criterion, several criteria on one item | `votes` `scores` `report` `curves` `reward` |
| what is known without the judge | `truth` `labelled` `public` `people` `labelling` |
| what verdicts are worth against that | `standing` `calibrated` `agreement` `calibration` `bootstrap` |
| whether a judge can be swayed | `bias` `tampered` `pairs` `twins` `edits` `injections` `findings` `probes` |
| rubrics that improve: new criteria | `contrasts` `propose` `offers` `sift` |
| and which of them stay | `prune` `worth` `gains` `evolve` `versions` `drift` |
"""

from lib.grm.judge import Judge, Policy
from lib.grm.rubric import Criterion, Gate, Option, Rubric, RubricError
from lib.grm.rubric import load as load_rubric

__all__ = ["Criterion", "Gate", "Judge", "Option", "Policy", "Rubric", "RubricError", "load_rubric"]
