import unittest

from tally.ledger import balances, read_bill


class Bills(unittest.TestCase):
    def test_a_line_is_read(self):
        self.assertEqual(read_bill("ann paid 12.50 for ann, bob"), ("ann", 1250, ["ann", "bob"]))

    def test_a_line_that_is_no_bill_is_refused(self):
        for line in ["ann", "ann paid 5 for ", "ann paid five for bob", "paid 5 for bob"]:
            with self.assertRaises(ValueError, msg=line):
                read_bill(line)


class Balances(unittest.TestCase):
    def test_who_paid_for_others_is_owed(self):
        self.assertEqual(
            balances(["ann paid 9 for ann, bob, cem"]), {"ann": 600, "bob": -300, "cem": -300}
        )

    def test_bills_add_up(self):
        self.assertEqual(
            balances(["ann paid 10 for ann, bob", "bob paid 4 for ann, bob"]),
            {"ann": 300, "bob": -300},
        )

    def test_comments_and_empty_lines_are_skipped(self):
        self.assertEqual(
            balances(["# a trip", "", "  ", "ann paid 4 for ann, bob"]), {"ann": 200, "bob": -200}
        )
