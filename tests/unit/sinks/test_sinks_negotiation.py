"""Which format and encoding a scraper gets."""

import gzip
import time

import pytest

from fleawatch.sinks.negotiation import compress, negotiate
from fleawatch.sinks.wire import OPENMETRICS, TEXT

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


class TestNegotiate:
    @pytest.mark.parametrize(
        ("accept", "openmetrics"),
        [
            (PROMETHEUS, True),
            ("application/openmetrics-text", True),
            ('Application/OpenMetrics-Text; version="1.0.0"; charset=utf-8', True),
            ("text/plain;q=0.3, application/openmetrics-text;q=0.7", True),
            ("text/plain, application/openmetrics-text;q=0.7", False),
            ("application/openmetrics-text;q=0", False),
            ("application/openmetrics-text;version=2.0.0", False),
            ("application/openmetrics-text;q=very", False),
            ("text/html,application/xhtml+xml,*/*;q=0.8", False),
            ("*/*", False),
            ("", False),
            (";;,=,q=", False),
        ],
    )
    def test_openmetrics_only_for_those_who_prefer_it(self, accept, openmetrics):
        """OpenMetrics goes to whoever asks for our version and does not like the text format better."""
        assert negotiate(accept) == ((OPENMETRICS, True) if openmetrics else (TEXT, False))


class TestCompress:
    BODY = b"pf_equity_usdc 1.5\n" * 1_000

    @pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "GZIP", "x-gzip", "*"])
    def test_gzip_for_those_who_take_it(self, accepted):
        """A large body is packed, and unpacks to itself."""
        body, encoding = compress(self.BODY, accepted)
        assert encoding == "gzip"
        assert len(body) < len(self.BODY) / 10
        assert gzip.decompress(body) == self.BODY

    @pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br", "*;q=0", "gzip;q=0, *;q=1"])
    def test_plain_for_those_who_do_not(self, accepted):
        """A scraper that refuses gzip gets the body as it is."""
        assert compress(self.BODY, accepted) == (self.BODY, None)

    def test_small_bodies_are_not_worth_it(self):
        """Up to a kibibyte nothing is packed; one byte more is."""
        assert compress(b"x" * 1_024, "gzip") == (b"x" * 1_024, None)
        assert compress(b"x" * 1_025, "gzip")[1] == "gzip"

    def test_the_fastest_level_is_used(self):
        """Packing is the fast kind: several times faster than the best compression of the same body."""
        body = b"".join(
            b'pf_x{agent_id="a-%d"} %d.%d\n' % (n, n * 7919 % 1000, n * 104729 % 997) for n in range(60_000)
        )
        begun = time.process_time()
        packed, _ = compress(body, "gzip")
        fast = time.process_time() - begun
        begun = time.process_time()
        gzip.compress(body, 9)
        assert fast * 2 < time.process_time() - begun
        assert gzip.decompress(packed) == body
