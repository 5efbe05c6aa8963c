"""Counters for Prometheus (text format): how much is asked, how it ends, how long it takes; never by whom."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scheme.errors import ChartSealError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one server, in a registry of its own; ``gauges`` are asked at each scrape.

    Anybody may scrape, so a gauge is cheap to ask. One that cannot be told is NaN; the others are told.
    """

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]] | None = None) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "chartseal_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "chartseal_request_seconds", "Seconds until the last byte was sent.", ("route",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._bytes = Counter(
            "chartseal_bytes", "Bytes of bodies, in and out.", ("direction",), registry=self._registry
        )
        self._refused = Counter(
            "chartseal_refused", "Requests whose signature did not count, by code.", ("code",), registry=self._registry
        )
        self._limited = Counter(
            "chartseal_limited", "Requests above a limit, by which one.", ("by",), registry=self._registry
        )
        self.running = Gauge("chartseal_requests_running", "Requests at work.", registry=self._registry)
        for name, (text, ask) in (gauges or {}).items():
            Gauge(f"chartseal_{name}", text, registry=self._registry).set_function(partial(_told, ask))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def transferred(self, *, received: int = 0, sent: int = 0) -> None:
        """Count bytes of bodies."""
        self._bytes.labels("in").inc(received)
        self._bytes.labels("out").inc(sent)

    def refused(self, code: str) -> None:
        """Count a request that was not admitted as its signer's."""
        self._refused.labels(code).inc()

    def limited(self, by: str) -> None:
        """Count a request above a limit."""
        self._limited.labels(by).inc()

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


def _told(ask: Callable[[], float]) -> float:
    try:
        return ask()
    except (ChartSealError, OSError):
        return math.nan
