"""AUDIT: an append-only, keyed chain of what was decided, and the proofs that can be drawn from it.

`declared` says what goes in, `chain` how entries hold on to one another, `anchors` what is kept outside the database so
that a cut end shows, `log` writes, `verify` judges, `evidence` takes one incident out as a file that verifies alone.
"""
