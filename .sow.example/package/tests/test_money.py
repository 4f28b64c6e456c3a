import unittest

from tally.money import format_amount, parse_amount


class Amounts(unittest.TestCase):
    def test_text_becomes_cents(self):
        for text, cents in [
            ("12.50", 1250),
            ("12", 1200),
            ("12.5", 1250),
            ("0.07", 7),
            (" 3 ", 300),
        ]:
            self.assertEqual(parse_amount(text), cents, text)

    def test_what_is_no_amount_is_refused(self):
        for text in ["", "twelve", "1.234", "1,50", "-3", ".", "1."]:
            with self.assertRaises(ValueError, msg=text):
                parse_amount(text)

    def test_cents_become_text(self):
        for cents, text in [
            (1250, "12.50"),
            (7, "0.07"),
            (0, "0.00"),
            (-5, "-0.05"),
            (-1250, "-12.50"),
        ]:
            self.assertEqual(format_amount(cents), text)

    def test_an_amount_survives_the_way_out_and_in(self):
        for cents in range(0, 5000, 7):
            self.assertEqual(parse_amount(format_amount(cents)), cents)
