"""The NAV and its epochs."""

import pytest

from fleawatch.risk.nav import Marked, Nav


@pytest.fixture(name="nav")
def _nav():
    nav = Nav()
    nav.mark(100.0)
    return nav


def test_there_is_no_nav_before_the_first_equity():
    """Equity at or below 0.01 opens nothing: the NAV stays None."""
    nav = Nav()
    assert nav.mark(0.0) is Marked.WAITING
    assert nav.mark(0.01) is Marked.WAITING
    assert nav.value is None


def test_the_first_equity_is_the_unit():
    """The first equity above 0.01 is 1.0 whatever its size."""
    nav = Nav()
    assert nav.mark(0.02) is Marked.BEGAN
    assert (nav.value, nav.epoch) == (1.0, 1)


def test_profit_and_loss_move_the_nav(nav):
    """Ten percent lost is a NAV of 0.9."""
    assert nav.mark(90.0) is Marked.MARKED
    assert nav.value == pytest.approx(0.9)


def test_a_deposit_does_not_move_the_nav(nav):
    """The NAV is 0.8 before and after 1,000 arrive, and later P&L counts on the new equity."""
    nav.mark(80.0)
    assert nav.flow(80.0, 1000.0) is Marked.MARKED
    assert nav.value == pytest.approx(0.8)
    nav.mark(540.0)
    assert nav.value == pytest.approx(0.4)


def test_units_follow_the_definition(nav):
    """A flow F changes units by F / NAV."""
    nav.mark(50.0)
    nav.flow(50.0, 30.0)
    assert nav.units == pytest.approx(100.0 + 30.0 / 0.5)


def test_what_equity_did_before_a_flow_is_profit_and_loss(nav):
    """A flow that meets 120 where 100 was read last finds a NAV of 1.2."""
    nav.flow(120.0, -20.0)
    assert nav.value == pytest.approx(1.2)


def test_a_loss_of_everything_ends_the_epoch(nav):
    """Equity of 0.01 by P&L is NAV 0, and readings of nothing change nothing more."""
    assert nav.mark(0.01) is Marked.ENDED
    assert (nav.value, nav.total_losses) == (0.0, 1)
    assert nav.mark(-5.0) is Marked.WAITING
    assert (nav.value, nav.total_losses) == (0.0, 1)


def test_the_next_equity_opens_an_epoch_at_one(nav):
    """After a total loss any equity above 0.01, without a recorded inflow, is 1.0."""
    nav.mark(0.0)
    assert nav.mark(7.0) is Marked.BEGAN
    assert (nav.value, nav.units, nav.epoch) == (1.0, 7.0, 2)


def test_an_inflow_after_a_total_loss_opens_an_epoch(nav):
    """A deposit onto nothing begins at 1.0."""
    nav.mark(0.0)
    assert nav.flow(0.0, 50.0) is Marked.BEGAN
    assert (nav.value, nav.units, nav.epoch) == (1.0, 50.0, 2)


def test_a_flow_that_meets_a_loss_ends_and_begins(nav):
    """If equity was gone before the deposit, the loss is counted and a new epoch runs."""
    marked = nav.flow(0.0, 50.0)
    assert marked is Marked.RENEWED
    assert marked.ended
    assert marked.began
    assert (nav.value, nav.epoch, nav.total_losses) == (1.0, 2, 1)


def test_emptied_by_a_flow_freezes(nav):
    """A withdrawal of everything keeps the NAV, and readings of nothing are no loss."""
    nav.mark(80.0)
    assert nav.flow(80.0, -80.0) is Marked.FROZEN
    assert nav.mark(0.0) is Marked.FROZEN
    assert (nav.value, nav.total_losses, nav.frozen) == (pytest.approx(0.8), 0, True)


@pytest.mark.parametrize("arrive", [lambda nav: nav.flow(0.0, 10.0), lambda nav: nav.mark(10.0)])
def test_a_frozen_nav_resumes_where_it_stood(nav, arrive):
    """Money that returns, by a recorded flow or not, finds the NAV it left and the same epoch."""
    nav.mark(80.0)
    nav.flow(80.0, -80.0)
    assert arrive(nav) is Marked.MARKED
    assert (nav.value, nav.units, nav.epoch, nav.frozen) == (pytest.approx(0.8), pytest.approx(12.5), 1, False)


def test_a_partial_reading_opens_no_epoch(nav):
    """A partial sum may end an epoch, but neither begins one nor ends a freeze."""
    assert nav.mark(0.0, partial=True) is Marked.ENDED
    assert nav.mark(10.0, partial=True) is Marked.WAITING
    assert nav.mark(10.0) is Marked.BEGAN
    nav.flow(10.0, -10.0)
    assert nav.mark(5.0, partial=True) is Marked.FROZEN
    assert Nav().mark(5.0, partial=True) is Marked.WAITING


def test_a_flow_that_leaves_dust_empties():
    """A withdrawal down to a cent freezes instead of pricing a cent."""
    nav = Nav()
    nav.mark(10.0)
    assert nav.flow(10.0, -9.995) is Marked.FROZEN


def test_an_outflow_from_nothing_stays_nothing():
    """A flow that ends at nothing opens no epoch."""
    assert Nav().flow(0.0, -3.0) is Marked.WAITING
