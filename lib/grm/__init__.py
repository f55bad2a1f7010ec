"""The generative reward model: a judge that reads traces by rubrics, and what its verdicts are worth."""
