"""The command line: `python3 -m tally FILE`."""

import sys


def report(lines):
    """The lines to print for a ledger: a balance a person, an empty line, the payments."""
    raise NotImplementedError("there is no report yet")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m tally FILE")
    with open(sys.argv[1], encoding="utf-8") as ledger:
        print("\n".join(report(ledger)))


if __name__ == "__main__":
    main()
