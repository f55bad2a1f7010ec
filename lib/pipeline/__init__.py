"""Run the notebooks of a study; keep, share, verify and pack what they made."""
