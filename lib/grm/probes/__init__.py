"""Probes of a judge: does order, wording, length, family or tampering sway its verdicts?"""
