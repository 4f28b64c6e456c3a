import unittest

from tally.__main__ import report
from tally.settle import payments


class Payments(unittest.TestCase):
    def test_two_people_need_one_payment(self):
        self.assertEqual(payments({"ann": 300, "bob": -300}), [("bob", "ann", 300)])

    def test_who_is_even_pays_nothing(self):
        self.assertEqual(payments({"ann": 0, "bob": 0}), [])

    def test_payments_bring_every_balance_to_zero(self):
        balances = {"ann": 700, "bob": -150, "cem": -400, "dee": 50, "eve": -200}
        made = payments(balances)
        for payer, receiver, cents in made:
            balances[payer] += cents
            balances[receiver] -= cents
        self.assertEqual(set(balances.values()), {0})
        self.assertLess(len(made), len(balances))


class Report(unittest.TestCase):
    def test_balances_come_first_and_payments_behind_them(self):
        self.assertEqual(
            report(
                ["# a trip", "ann paid 90.00 for ann, bob, cem", "bob paid 9.00 for ann, bob, cem"]
            ),
            [
                "ann   +57.00",
                "bob   -24.00",
                "cem   -33.00",
                "",
                "bob pays ann 24.00",
                "cem pays ann 33.00",
            ],
        )
