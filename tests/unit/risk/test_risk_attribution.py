"""Attribution by strategy, market, asset and hour."""

import pytest

from fleawatch.risk.attribution import OTHER, Attributed, Attribution


def trade(net=1.0, *, strategy="momentum", market="BTC-USD", asset="BTC", at=0.0, fees=0.0, slippage=0.0):
    return Attributed(
        at=at, strategy=strategy, market=market, asset=asset, net=net, gross=net + fees, fees=fees, slippage=slippage
    )


def test_a_trade_is_booked_in_each_dimension():
    """Once in the whole and once under its own key of every dimension."""
    attribution = Attribution()
    attribution.add(trade(5.0, fees=1.0, slippage=0.5, at=13.5 * 3600))
    for part in (
        attribution.whole,
        attribution.strategy["momentum"],
        attribution.market["BTC-USD"],
        attribution.asset["BTC"],
        attribution.hour["13"],
    ):
        assert (part.net, part.gross, part.fees, part.slippage, part.count) == (5.0, 6.0, 1.0, 0.5, 1)


def test_the_hour_is_that_of_the_day_in_utc():
    """23:59 on any day is hour 23."""
    attribution = Attribution()
    attribution.add(trade(at=5 * 86400 + 86399.0))
    assert list(attribution.hour) == ["23"]


def test_an_amended_trade_moves():
    """What it was is taken out everywhere, what it is is put in."""
    attribution = Attribution()
    attribution.add(trade(5.0, strategy="unknown"))
    attribution.move(trade(5.0, strategy="unknown"), trade(4.0, strategy="grid"))
    assert attribution.whole.count == 1
    assert attribution.strategy["unknown"].count == 0
    assert (attribution.strategy["grid"].net, attribution.whole.net) == (4.0, 4.0)


def test_keys_beyond_the_bound_share_a_part():
    """Two keys of their own, the others in "other", also when a late key is amended."""
    attribution = Attribution(limit=2)
    for name in ("a", "b", "c", "d", "a"):
        attribution.add(trade(1.0, strategy=name))
    assert {key: part.count for key, part in attribution.parts("strategy").items()} == {"a": 2, "b": 1, OTHER: 2}
    attribution.move(trade(1.0, strategy="c"), trade(1.0, strategy="b"))
    assert {key: part.count for key, part in attribution.parts("strategy").items()} == {"a": 2, "b": 2, OTHER: 1}


@pytest.mark.parametrize("dimension", ["strategy", "market", "asset", "hour"])
def test_every_dimension_has_parts(dimension):
    """Each can be asked for by name."""
    attribution = Attribution()
    attribution.add(trade(3.0))
    assert [part.net for part in attribution.parts(dimension).values()] == [3.0]


def test_fee_drag_is_fees_by_absolute_gross():
    """1 of fees on gross gains and losses of 10 each is 5 %; without trades there is none."""
    attribution = Attribution()
    assert attribution.fee_drag() is None
    attribution.add(trade(9.5, fees=0.5))
    attribution.add(trade(-10.5, fees=0.5))
    assert attribution.fee_drag() == pytest.approx(0.05)
