"""Midthought: what happens when a reasoning model is interrupted in the middle of a thought?

Each room of the package is one subject. A room imports only from those further down (`make lint` checks it):

report        a study as static pages around its executed notebooks, with an explorer of traces
pipeline      notebooks run with provenance; plan, status, archive, verification, object stores
grm           the generative reward model: a judge that reads records by rubrics, and whether to trust it
updates       updates of problems: written, solved, checked, reviewed
interrupts    a trace cut at a position and spliced, id by id; the plan of a study's requests, and its run
engine        completions for token ids: vLLM here or on a cluster, a server, a replay; all kept on disk
grade         grades of whole tables, in worker processes or on a cluster
figures       the figures of 03 to 06, with their captions and style
sandbox       model-written programs run behind walls, and verdicts on them
answers       verdicts on math answers: extraction, normalisation, equivalence
failures      leakage, panic and self-doubt, as rules on measured quantities
markup        where reasoning and answer stand among token ids; prompts as ids
paper         the published numbers and statements, and what a study says of them
cluster       machines that Ray holds together
problems      benchmarks, own problems and generated problems, as one table
stats         accuracy and curves with intervals clustered by problem; agreement, calibration
params        YAML files read into checked settings
tables        Parquet and CSV in and out, checked against the schema, written atomically
machine       processor, memory, GPUs and package versions of this machine
confined      the inside of the sandbox, on the standard library alone
progress_bar  progress of long work on a terminal or in a log
html          text of models as safe HTML
schema        columns of every table, with types and meanings
paths         where every file of a study lies
"""

__version__ = "0.1.0"
