"""What an index that turns dishonest learns from the tags it holds: attacks, defences, and measures of both.

Research only: nothing here serves a patient. The attacks get what the index has (sets of tags) and what is public;
what they miss may still fall to a better one, so their results are lower bounds. Results: docs/leakage.md.
"""
