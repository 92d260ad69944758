"""What models cost is what whoever pays for them says, and else nobody knows it."""

from pathlib import Path

import pytest

from loopwright.tools.prices import Price, Prices, PricesRefused

TABLE = """
[small]
input = 0.5
output = 2.0
cached = 0.05

["large-*"]
input = 2.0
output = 10.0

["large-2*"]
input = 4.0
output = 20
"""


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    (tmp_path / "prices.toml").write_text(TABLE)
    return Prices.read(tmp_path / "prices.toml")


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("small", Price(input=0.5, output=2.0, cached=0.05)),
        ("small-2", None),
        ("large-1", Price(input=2.0, output=10.0)),
        ("large-2025", Price(input=4.0, output=20.0)),
        ("large", None),
    ],
)
def test_a_price_is_that_of_the_name_or_of_the_longest_beginning(
    prices: Prices, model: str, price: Price | None
) -> None:
    assert prices.price_of(model) == price


def test_what_is_in_the_cache_has_a_price_of_its_own_where_one_is_told(prices: Prices) -> None:
    assert prices.cost("small", 1_000_000, 500_000, 200_000) == pytest.approx(0.4 + 0.01 + 1.0)
    assert prices.cost("large-1", 1_000_000, 0, 200_000) == pytest.approx(2.0)
    assert prices.cost("small", 10, 0, 999) == pytest.approx(10 * 0.05 / 1e6), "no more is cached than was sent"


def test_nobody_knows_what_a_model_costs_that_has_no_price(prices: Prices) -> None:
    assert prices.cost("other", 10, 10) is None
    assert Prices().cost("small", 10, 10) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[small]\ninput = 1", r"small\.output"),
        ("[small]\ninput = -1\noutput = 1", r"small\.input"),
        ("[small]\ninput = 1\noutput = 1\noutputs = 1", r"small\.outputs"),
        ("small = 1", "small"),
        ("[small", "at end of document"),
    ],
)
def test_a_file_that_holds_no_prices_is_refused_with_the_place(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(PricesRefused, match=rf"prices\.toml cannot be used: .*({why}).* Mend the file, or unset"):
        Prices.read(tmp_path / "prices.toml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PricesRefused, match="No such file"):
        Prices.read(tmp_path / "prices.toml")
