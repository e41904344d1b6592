"""Positions: open ones with their marks, closed ones with their fees, and what a missing exchange means."""

from decimal import Decimal

import pytest

from fleawatch.events import (
    OrderFilled,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    ReferralTotals,
    SchemaSurprise,
)

D = Decimal
OPEN, TABLE, HISTORY = "/v1/trade/positions", "/v1/trade/positions?status=all", "/v1/trade/history"
NOW = 1_793_613_600


def of(facts, kind):
    return [fact for fact in facts if isinstance(fact, kind)]


def table_row(bench, name):
    return next(one for one in bench.double.answers[TABLE]["positions"] if one["id"] == name)


def close(bench, *, pnl, fee=None, price=60_500.0):
    """Close the open position, with a trade row when the exit has one."""
    at = int(bench.clock.now())
    bench.double.answers[OPEN]["positions"] = []
    table_row(bench, "pos_1").update({"status": "closed", "unrealizedPnl": pnl, "closedAt": at})
    if fee is not None:
        bench.double.answers[HISTORY]["trades"].insert(
            0,
            {"id": "trd_4", "orderId": "ord_4", "coin": "BTC", "side": "sell", "sizeUsd": 600.0, "price": price,
             "fee": fee, "realizedPnl": pnl, "createdAt": at},
        )  # fmt: skip


def test_a_first_reading_opens_fills_closes_and_marks_in_this_order(with_bench):
    """Positions first, also the one that is closed already, then fills, closes, marks, and the complete set last."""

    async def scenario(bench):
        facts = await bench.read("trading")
        kinds = [type(fact) for fact in facts]
        assert kinds == [
            PositionOpened, PositionOpened, OrderFilled, OrderFilled, OrderFilled, PositionClosed, ReferralTotals,
            PositionMarked, PositionsRead,
        ]  # fmt: skip
        assert [fact.position_id for fact in of(facts, PositionOpened)] == ["pos_0", "pos_1"]
        assert [fact.trade_id for fact in of(facts, OrderFilled)] == ["trd_1", "trd_2", "trd_3"]
        (closed,) = of(facts, PositionClosed)
        assert (closed.market, closed.side, closed.realized_pnl_usd, closed.fee_usd) == (
            "ETH-USD",
            "sell",
            D("12.5"),
            D("0.330"),
        )
        assert closed.exit_price == D("2875.0")
        (marked,) = of(facts, PositionMarked)
        assert (marked.market, marked.unrealized_pnl_usd, marked.price) == ("BTC-USD", D("5.0"), D("60500.0"))
        assert facts[-1].open_ids == ("pos_1",)
        assert facts[-1].marked
        trading = bench.state.trading
        assert trading.realized == 12.5
        assert trading.fees == pytest.approx(0.66)

    with_bench(scenario)


def test_a_second_reading_tells_marks_alone(with_bench):
    """What is booked is not told again."""

    async def scenario(bench):
        await bench.read("trading")
        facts = await bench.read("trading")
        assert [type(fact) for fact in facts] == [PositionMarked, PositionsRead]

    with_bench(scenario)


def test_the_realised_profit_of_a_closed_row_is_its_unrealised_field(with_bench):
    """In a closed row `unrealizedPnl` is what was realised before fees; fees are those of its two rows."""

    async def scenario(bench):
        await bench.read("trading")
        close(bench, pnl=5.0, fee=0.33)
        (closed,) = of(await bench.read("trading"), PositionClosed)
        assert (closed.position_id, closed.realized_pnl_usd, closed.fee_usd) == ("pos_1", D("5.0"), D("0.66"))

    with_bench(scenario)


def test_an_exit_by_stop_loss_has_no_row_and_only_the_opening_fee(with_bench):
    """Protective exits write no trade row: their P&L is in the closed position alone."""

    async def scenario(bench):
        await bench.read("trading")
        close(bench, pnl=-30.0)
        facts = await bench.read("trading")
        (closed,) = of(facts, PositionClosed)
        assert (closed.realized_pnl_usd, closed.fee_usd, closed.exit_price) == (D("-30.0"), D("0.33"), None)
        assert of(facts, OrderFilled) == []
        assert of(facts, SchemaSurprise) == []

    with_bench(scenario)


def test_an_opening_fee_is_remembered_when_its_row_has_left_the_list(with_bench):
    """A position that outlives the last 200 rows keeps the fee it was opened with."""

    async def scenario(bench):
        await bench.read("trading")
        bench.double.answers[HISTORY]["trades"] = bench.double.answers[HISTORY]["trades"][1:]
        close(bench, pnl=5.0, fee=0.33)
        (closed,) = of(await bench.read("trading"), PositionClosed)
        assert closed.fee_usd == D("0.66")

    with_bench(scenario)


def test_an_opening_fee_that_nobody_knows_is_said_to_be_missing(with_bench):
    """After a restart with the row gone, the fee of the close alone is told, together with the gap."""

    async def scenario(bench):
        bench.double.answers[HISTORY]["trades"] = []
        facts = await bench.read("trading")
        (closed,) = of(facts, PositionClosed)
        assert closed.fee_usd == 0
        assert [fact.field for fact in of(facts, SchemaSurprise)] == ["fee"]

    with_bench(scenario)


def test_two_positions_of_one_second_get_a_row_each(with_bench):
    """A trade row pays for one position only."""

    async def scenario(bench):
        twin = dict(table_row(bench, "pos_0"), id="pos_2")
        bench.double.answers[TABLE]["positions"].append(twin)
        facts = await bench.read("trading")
        assert sorted(fact.fee_usd for fact in of(facts, PositionClosed)) == [0, D("0.330")]

    with_bench(scenario)


def test_a_position_that_the_platform_has_lost_sight_of_stays_visible(with_bench):
    """After a close-all a position lives on at the exchange without an id: it gets one of its own, and its marks."""

    async def scenario(bench):
        await bench.read("trading")
        bench.double.answers[OPEN]["positions"][0]["position_id"] = None
        table_row(bench, "pos_1").update({"status": "closed", "unrealizedPnl": 0, "closedAt": NOW})
        facts = await bench.read("trading")
        (opened,) = of(facts, PositionOpened)
        assert opened.position_id == "BTC:long:60000.0"
        assert "a-1" in opened.fact_id
        assert bench.state.trading.positions["BTC:long:60000.0"].unrealized == 5.0
        assert of(await bench.read("trading"), PositionOpened) == []

    with_bench(scenario)


def test_an_answer_from_the_platforms_own_table_marks_nothing(with_bench):
    """With the exchange away, positions keep their last marks and the reading says that none is current."""

    async def scenario(bench):
        bench.double.answers[OPEN]["positions"].append(
            dict(bench.double.answers[OPEN]["positions"][0], position_id=None, coin="SOL", entry_price=150.0)
        )
        await bench.read("trading")
        rows = [one for one in bench.double.answers[TABLE]["positions"] if one["status"] == "open"]
        bench.double.answers[OPEN] = {"positions": rows, "source": "database"}
        facts = await bench.read("trading")
        assert [type(fact) for fact in facts] == [PositionsRead]
        assert not facts[0].marked
        assert set(facts[0].open_ids) == {"pos_1", "SOL:long:150.0"}
        assert bench.state.trading.unrealized == 10.0
        assert bench.state.unknown["trading"] == "unmarked"

    with_bench(scenario)


def test_a_500_means_that_the_exchange_is_away(with_bench, fail_with):
    """The platform answers 500 when the exchange does not answer it: an upstream failure, nothing flat."""

    async def scenario(bench):
        await bench.read("trading")
        bench.double.answers[OPEN] = fail_with(500)
        error = await bench.fail("trading")
        assert (error.reason, error.status_code) == ("upstream", 500)

    with_bench(scenario)


def test_an_empty_answer_while_the_platform_holds_positions_is_not_flat(with_bench):
    """An exchange that lists nothing although a known position is open has not answered."""

    async def scenario(bench):
        await bench.read("trading")
        bench.double.answers[OPEN]["positions"] = []
        error = await bench.fail("trading")
        assert (error.reason, "BTC" in str(error)) == ("upstream", True)
        assert bench.state.trading.unrealized == 5.0

    with_bench(scenario)


def test_positions_of_one_coin_are_netted_and_none_is_missed(with_bench):
    """The exchange shows one position a coin; the platform's second row of that coin is no missing one."""

    async def scenario(bench):
        await bench.read("trading")
        bench.double.answers[TABLE]["positions"].append(dict(table_row(bench, "pos_1"), id="pos_5"))
        bench.double.answers[OPEN]["positions"][0]["position_id"] = "pos_5"
        facts = await bench.read("trading")
        assert facts[-1].open_ids == ("pos_5",)

    with_bench(scenario)


def test_a_position_that_closes_between_two_calls_is_told_closed_and_not_open(with_bench):
    """The table is read after the exchange: whoever is closed there is not marked."""

    async def scenario(bench):
        await bench.read("trading")
        at = int(bench.clock.now())
        table_row(bench, "pos_1").update({"status": "closed", "unrealizedPnl": 4.0, "closedAt": at})
        facts = await bench.read("trading")
        assert len(of(facts, PositionClosed)) == 1
        assert of(facts, PositionMarked) == []
        assert facts[-1].open_ids == ()

    with_bench(scenario)


def test_lists_that_were_cut_say_that_something_may_be_missing(with_bench):
    """Fifty positions or two hundred fills without one that is known: a gap is told, not hidden."""

    async def scenario(bench):
        await bench.read("trading")
        old = table_row(bench, "pos_0")
        fill = bench.double.answers[HISTORY]["trades"][1]
        bench.double.answers[OPEN]["positions"] = []
        bench.double.answers[TABLE]["positions"] = [dict(old, id=f"new_{i}") for i in range(50)]
        bench.double.answers[HISTORY]["trades"] = [dict(fill, id=f"fill_{i}") for i in range(200)]
        facts = await bench.read("trading")
        gaps = [fact.endpoint for fact in of(facts, SchemaSurprise) if fact.field == "history_gap"]
        assert gaps == ["/v1/trade/positions", "/v1/trade/history"]

    with_bench(scenario)


def test_a_missing_optional_field_is_told_and_does_not_cost_the_reading(with_bench):
    """Leverage and margin can be done without; a price cannot."""

    async def scenario(bench):
        position = bench.double.answers[OPEN]["positions"][0]
        del position["leverage"]
        position["liquidation_price"] = "far"
        facts = await bench.read("trading")
        assert [fact.field for fact in of(facts, SchemaSurprise)] == ["positions[].liquidation_price"]
        position["current_price"] = None
        assert (await bench.fail("trading")).reason == "schema"

    with_bench(scenario)


def even_rows(bench, *, opened, closed, side="long"):
    """The platform's answers after a position was opened and closed without a result; it shows 0 in every such row."""
    buys = "buy" if side == "long" else "sell"
    sells = "sell" if side == "long" else "buy"
    row = {"coin": "SOL", "sizeUsd": 200.0, "price": 150.0, "fee": 0.11, "realizedPnl": 0}
    bench.double.answers[TABLE]["positions"].insert(
        0,
        {
            "id": f"pos_{side}", "coin": "SOL", "side": side, "sizeUsd": 200.0, "entryPrice": 150.0, "leverage": 2,
            "marginUsed": 100.0, "liquidationPrice": 80.0, "unrealizedPnl": 0, "status": "closed", "openedAt": opened,
            "closedAt": closed,
        },
    )  # fmt: skip
    rows = [
        {**row, "id": f"{side}_out", "orderId": "o2", "side": sells, "createdAt": closed},
        {**row, "id": f"{side}_in", "orderId": "o1", "side": buys, "createdAt": opened},
    ]
    trades = bench.double.answers[HISTORY]["trades"]
    bench.double.answers[HISTORY]["trades"] = sorted([*rows, *trades], key=lambda one: -one["createdAt"])


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_position_that_came_out_even_has_an_opening_and_a_close(with_bench, seconds):
    """The platform shows a realised 0 on both rows: which is which follows from the position, within one second too."""

    async def scenario(bench):
        await bench.read("trading")
        at = int(bench.clock.now())
        even_rows(bench, opened=at, closed=at + seconds)
        bench.clock.advance(seconds)
        facts = await bench.read("trading")
        assert [(fact.trade_id, fact.opens) for fact in of(facts, OrderFilled)] == [
            ("long_in", True),
            ("long_out", False),
        ]
        (closed,) = of(facts, PositionClosed)
        assert (closed.realized_pnl_usd, closed.fee_usd, closed.exit_price) == (0, D("0.22"), D("150.0"))
        assert [type(fact) for fact in facts if isinstance(fact, PositionOpened | OrderFilled | PositionClosed)] == [
            PositionOpened, OrderFilled, OrderFilled, PositionClosed,
        ]  # fmt: skip

    with_bench(scenario)


def test_two_positions_of_one_second_share_no_row(with_bench):
    """A long that came out even and a short opened as it closed: each row is given away once."""

    async def scenario(bench):
        await bench.read("trading")
        at = int(bench.clock.now())
        even_rows(bench, opened=at - 60, closed=at)
        even_rows(bench, opened=at, closed=at + 5, side="short")
        bench.clock.advance(5)
        facts = await bench.read("trading")
        fills = [fact.opens for fact in of(facts, OrderFilled)]
        assert sorted(fills) == [False, False, True, True]
        assert [fact.fee_usd for fact in of(facts, PositionClosed)] == [D("0.22"), D("0.22")]
        assert [fact.exit_price for fact in of(facts, PositionClosed)] == [D("150.0"), D("150.0")]
        assert of(facts, SchemaSurprise) == []

    with_bench(scenario)


@pytest.mark.parametrize("shown", [0, None])
def test_an_opening_row_shows_nothing_realised(with_bench, shown):
    """As 0 or not at all: the platform shows 0, and either is an opening."""

    async def scenario(bench):
        for row in bench.double.answers[HISTORY]["trades"]:
            row["realizedPnl"] = row["realizedPnl"] or shown
        facts = await bench.read("trading")
        assert [fact.opens for fact in of(facts, OrderFilled)] == [True, False, True]
        assert [fact.fee_usd for fact in of(facts, PositionClosed)] == [D("0.330")]

    with_bench(scenario)


def test_a_row_that_belongs_to_no_listed_position_says_what_it_can(with_bench):
    """A result means a close; without one nobody tells."""

    async def scenario(bench):
        await bench.read("trading")
        row = {
            "coin": "DOGE",
            "side": "buy",
            "sizeUsd": 50.0,
            "price": 0.1,
            "fee": 0.02,
            "createdAt": int(bench.clock.now()),
        }
        rows = [
            {**row, "id": "x1", "orderId": "x", "realizedPnl": 0},
            {**row, "id": "x2", "orderId": "x", "realizedPnl": -1.5},
        ]
        bench.double.answers[HISTORY]["trades"][:0] = rows
        facts = await bench.read("trading")
        assert {fact.trade_id: fact.opens for fact in of(facts, OrderFilled)} == {"x1": None, "x2": False}

    with_bench(scenario)
