"""Amounts of money: whole cents inside, text such as "12.50" outside."""


def parse_amount(text):
    """The cents in `text`: "12.50", "12" or "12.5"; ValueError for anything else."""
    raise NotImplementedError("amounts can't be read yet")


def format_amount(cents):
    """`cents` as text, with a point and two digits: 1250 is "12.50", -5 is "-0.05"."""
    raise NotImplementedError("amounts can't be written yet")
