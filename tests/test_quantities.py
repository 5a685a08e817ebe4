"""Amounts as users write them: what is meant is taken exactly, anything else is refused, whatever it is."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcost.errors import ArchcostError
from archcost.search import quantities
from archcost.search.quantities import count, duration, percent, size

ALL = [count, size, duration, percent]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("300M", 3e8),
        ("300 M", 3e8),
        (" 300m ", 3e8),
        ("0.3e9", 3e8),
        ("0.3G", 3e8),
        ("+.3G", 3e8),
        ("300000000", 3e8),
        ("300_000_000", 3e8),
        ("300,000,000", 3e8),
        ("1.5G", 1.5e9),
        ("1.5B", 1.5e9),
        ("0.1G", 1e8),
        ("1e3k", 1e6),
        ("2T", 2e12),
        ("7", 7.0),
    ],
)
def test_counts(text, amount):
    assert count(text, "--budget") == amount


@pytest.mark.parametrize(
    ("read", "text", "amount"),
    [
        (size, "4MiB", 2**22),
        (size, "4 mib", 2**22),
        (size, "4MB", 4e6),
        (size, "512", 512),
        (size, "512B", 512),
        (size, "1.5GiB", 1.5 * 2**30),
        (duration, "2ms", 2e-3),
        (duration, "2 MS", 2e-3),
        (duration, "350us", 350e-6),
        (duration, "350µs", 350e-6),
        (duration, "350μs", 350e-6),
        (duration, "10ns", 1e-8),
        (duration, ".5s", 0.5),
        (percent, "70", 70),
        (percent, "70 %", 70),
        (percent, "100", 100),
    ],
)
def test_other_amounts(read, text, amount):
    assert read(text, "--limit") == amount


@pytest.mark.parametrize("read", ALL)
@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "300 apples",
            "apples",
            "M",
            ".",
            "-",
            "e9",
            "1e",
            "1.2.3",
            "0x10",
            "1 2",
            "nan",
            "inf",
            "-inf",
            "3MM",
        ),
        *("3 M M", "3\n4", "∞", "½", "3²", "1e5e5", "--3", "3%%", "_3", ",3", "\x00", "3\x1b[31m", "1e9999999999"),
    ],
)
def test_what_is_no_amount(read, text):
    with pytest.raises(ArchcostError, match=r"^--limit: "):
        read(text, "--limit")


@pytest.mark.parametrize("text", ["0", "0M", "0.0", "-300M", "-0", "1e-999", "-1e-999", "1e999"])
def test_amounts_out_of_range(text):
    with pytest.raises(ArchcostError, match=r"^--budget: `.*` must be"):
        count(text, "--budget")


@pytest.mark.parametrize("text", ["2", "2m", "2 sec", "2min", "2h"])
def test_a_duration_without_a_known_unit(text):
    with pytest.raises(ArchcostError, match="write 2ms"):
        duration(text, "--max-latency")


@pytest.mark.parametrize(("read", "text"), [(count, "3MiB"), (count, "3%"), (size, "3M"), (percent, "3k")])
def test_a_unit_of_something_else(read, text):
    with pytest.raises(ArchcostError, match="is no amount; write"):
        read(text, "--limit")


def test_no_share_is_above_100_percent():
    with pytest.raises(ArchcostError, match="more than 100 %"):
        percent("100.1", "--min-accuracy")


@given(st.integers(1, 10**15 - 1))
def test_whole_counts_are_exact(number):
    assert count(str(number), "--budget") == number


@given(st.integers(1, 10**9), st.integers(0, 6), st.sampled_from(sorted(quantities.COUNTS)))
def test_a_decimal_means_that_decimal(digits, places, unit):
    """0.07G is 70,000,000, not the binary fraction beside it."""
    text = f"{Decimal(digits).scaleb(-places):f}{unit}"
    exact = Fraction(digits, 10**places) * Fraction(quantities.COUNTS[unit])
    assert count(text, "--budget") == float(exact)


@given(st.sampled_from(ALL), st.text(max_size=12) | st.from_regex(r"[-+]?[0-9_,.]{0,6}(e[0-9]{1,4})? ?[a-z%]{0,3}"))
def test_any_text_is_an_amount_or_refused(read, text):
    try:
        found = read(text, "--limit")
    except ArchcostError as error:
        assert str(error).startswith("--limit: ")
    else:
        assert 0 < found < math.inf


@pytest.mark.parametrize("text", ["1,5G", "0,3e9", "3,00M", "1,0000", "1_5G"])
def test_a_comma_that_separates_no_thousands(text):
    with pytest.raises(ArchcostError, match="is no amount"):
        count(text, "--budget")


@pytest.mark.parametrize("text", ["３００M", "٣٠٠M", "३००"])
def test_digits_of_other_scripts(text):
    with pytest.raises(ArchcostError, match="is no amount"):
        count(text, "--budget")


def test_an_amount_beyond_all_numbers_is_not_called_too_small():
    with pytest.raises(ArchcostError) as caught:
        count("1e999", "--budget")
    assert "greater than 0" not in str(caught.value)
