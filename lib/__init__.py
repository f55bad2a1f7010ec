"""Midthought: what happens when a reasoning model is interrupted in the middle of a thought?

The modules stand in layers; each imports only from the layers above it in this list:

0. `paths` (where things live), `schema` (the columns of every table), `families` (the marks around the thinking of each
   model family), `confined` (the inside of the sandbox), `significance` (Student's t, Holm), `sealed` (archives
   checked and unpacked), `shown` (how far a long work is)
1. `settings` (what YAML files say, as checked dataclasses), `tables` (parquet in and out), `tiny` and `tiny_code`
   (generated problems), `lines` (JSON Lines in), `programs` (code in answers, tests, comparison of outputs), `replies`
   (JSON in replies), `working` (sums and restarts in texts), `controls` (news that is wrong or known, of a problem's
   own words), `clusters` (rows summed by problem, and how far means of problems spread), `reported` (the published
   numbers, and our rows beside them), `crossed` (two verdicts on the same rows, in a square), `machine` (what computes
   here), `leaks` (what must not leave it in a file), `rederive` (results computed again from stored tables),
   `differences` (between these and the stored ones)
2. `fleet` (many machines as one, by Ray), `params` (YAML files to settings), `tokens` (text to ids), `notation` (how
   answers are written), `tiny_thought` (how our own models think about generated problems), `measures` (an answer
   beside the full-thinking one), `objects` (files of object stores)
3. `contests` and `own` (LiveCodeBench and own problems in); `turns` (prompts and user turns in ids), `harmony` and
   `cuts` (where messages, characters and sentences end among ids); `units` (which of them count), `latex` (LaTeX to
   expressions), `tiny_truth` (what is so of their records), `thresholds` (from where on a row is a failure); `devices`
   (which GPUs a model gets, when several runs share them), `rates` (what an estimate rests on), `mirror` (a study here
   and in its store, compared)
4. `released` (the published benchmark of updates in); `markup` (where reasoning and answer stand among ids; passes on
   what callers need of layers 2 and 3); `stated` (where the answer stands in a text), `algebra` (whether expressions
   are equal), `published` (the looser rules of others), `decisions` (a person's word on updates); `sharing` (a study
   pulled and pushed)
5. `problems` (all sources in); `interrupts`, `updates`, `answers`, `failures`, `uptake`, `stats` (means), `paired`
   (differences on the same problems), `curves` (accuracy and tokens by position), `claims` (the published statements,
   judged on a study): logic, tokens, text and frames in and out; they never import each other; `store` (results in an
   object store)
6. `plan` (which requests a study makes), `engine` (the one that does expensive things: vLLM here or on a cluster, a
   server, a replay), `workers` (math answers compared in processes under limits), `sandbox` (the one that does
   dangerous things: it runs model-written programs); `anytime` (a curve in one number, and whether it rises), `compute`
   (interrupts at equal tokens), `organisms` (what the rules find of what was planted)
7. `parts` (completions on disk as they finish), `graders` (where answers are graded: on this machine, on many),
   `panels` (the frame of a figure), `provenance` (what made each step)
8. `run`, `grade`, `figures`, `review`, `notebook`: put the layers together for a notebook; `charts` (figures that set
   one thing against another), `booktabs` (frames as tables for LaTeX); `archive` (a study in one file), `verify`
   (whether its results can be had again)
9. `augment` (updates that a model writes, through `run`), `solutions` (revised problems that a model solves), `grm`
   (the generative reward model: a judge that reads traces by rubrics); `captions` (what a figure says, in numbers of
   its frame)
10. `judging` (the judge of a study), `marked` (what was judged, with the judge's quotes marked)
11. `verdicts` (what a study's judgements say), `explorer` (traces to read, position by position), `forecast` (what a
    study would run)
12. `site` (a study's report: static pages around the executed notebooks), `progress` (how far a study is), `scale`
    (what a hundred models would take)
"""

__version__ = "0.1.0"
