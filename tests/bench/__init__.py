"""The benchmark suite of `make bench`: ratios measured side by side on one machine, in one table.

`rows` holds what a row of the table is, `clock` how it is measured, `suite` which parts there are, `stored` where the
table and the JSON file go. The parts: `answers` and `grading` (math), `code`, `draws`, `storage`, `books`, `sweeps`,
`memory` and `kills`. Nothing here is a test: no number fails, but a part that breaks does.
"""
