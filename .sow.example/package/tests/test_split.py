import unittest

from tally.split import split


class Shares(unittest.TestCase):
    def test_an_even_bill_is_split_evenly(self):
        self.assertEqual(
            split(9000, ["ann", "bob", "cem"]), {"ann": 3000, "bob": 3000, "cem": 3000}
        )

    def test_no_cent_is_lost_or_made(self):
        people = ["ann", "bob", "cem", "dee", "eve", "fay", "gus"]
        for cents in range(200):
            self.assertEqual(sum(split(cents, people).values()), cents)

    def test_shares_differ_by_a_cent_at_most(self):
        for cents in range(200):
            shares = split(cents, ["ann", "bob", "cem"]).values()
            self.assertLessEqual(max(shares) - min(shares), 1)

    def test_a_bill_for_nobody_is_refused(self):
        with self.assertRaises(ValueError):
            split(100, [])
