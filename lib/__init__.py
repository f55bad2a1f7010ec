"""Midthought: what happens when a reasoning model is interrupted in the middle of a thought?

The modules stand in layers; each imports only from the layers above it in this list:

0. `paths` (where things live), `schema` (the columns of every table)
1. `params` (YAML to checked dataclasses), `tables` (parquet in and out), `tiny` (generated problems),
   `problems` (benchmarks in), `markup` (the marks of a model family, and where they stand among ids)
2. `interrupts`, `updates`, `answers`, `failures`, `stats`: pure logic, tokens, text and frames
   in and out; they never import each other
3. `engine`: the one that does expensive things
4. `run`, `grade`, `figures`, `notebook`: put the layers together for a notebook
"""

__version__ = "0.1.0"
