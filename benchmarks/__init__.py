"""What sow costs, as ratios: `python -m benchmarks [NAME…] [--quick] [--json] [--strict]`.

A subject and its yardstick run back to back, the order flipped each round, so
that a machine's load falls on both; what counts is the ratio of each pair.
What a row measures, and what it asserts meanwhile: docs/reference/benchmarks.md.
"""
