"""Prometheus, as this operator uses it: raw samples and single answers, or one reason why there are none.

Raw samples come from an instant query that ends in a range selector. Nothing here asks for rates, ranges or steps: they
extrapolate, and what is extrapolated cannot be counted.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util.retry import Retry

from tidegate.clients.errors import MetricsUnavailable, metrics_errors
from tidegate.judge.samples import Sample, Series

CONNECT_SECONDS = 2.0
LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
THREADS = 8

Answer = Mapping[str, Any]
Observer = Callable[[str], None]


class Connection(PrometheusConnect):
    """The library's session and retry set-up, without its helpers: those drop the result's type and the reason."""

    def open(self, params: Mapping[str, str], headers: Mapping[str, str], timeout: float) -> requests.Response:
        """Send an instant query and wait at most `timeout` seconds for the headers; the body is still to be read."""
        response: requests.Response = self._session.post(
            f"{self.url}/api/v1/query",
            data=params,
            headers=headers,
            timeout=(min(CONNECT_SECONDS, timeout), timeout),
            verify=self._session.verify,
            allow_redirects=False,
            stream=True,
        )
        return response


class Prometheus:
    """Client of one Prometheus (or anything that speaks its query API).

    Parameters
    ----------
    url
        Base address; credentials in it are used and never shown.
    bearer_token_file
        File read anew for every query, since tokens are rotated.
    ca_file
        Certificates to trust instead of the system's.
    headers
        Sent with every query, such as a tenant's ``X-Scope-OrgID``.
    timeout
        Seconds to wait for an answer to begin, and again for it to end.
    clock_tolerance
        Seconds by which the server's clock may differ from the time a query is evaluated at.
    observe
        Told ``ok``, ``error`` (refused query) or the reason of `MetricsUnavailable` for every query.
    """

    def __init__(
        self,
        url: str,
        *,
        bearer_token_file: str | None = None,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        clock_tolerance: float = 60.0,
        observe: Observer = lambda result: None,
    ) -> None:
        session = requests.Session()
        session.verify = ca_file or True
        self._connection = Connection(url.rstrip("/"), retry=Retry(total=0), session=session)
        self._bearer_token_file = bearer_token_file
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._clock_tolerance = clock_tolerance
        self._observe = observe
        self.address = _without_credentials(url)
        # Not the event loop's own threads: a Prometheus that hangs must not hold up name resolution for everyone else.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="prometheus")

    async def __aenter__(self) -> "Prometheus":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; queries under way are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connection.close()

    async def range_samples(self, query: str, time: float) -> list[Series]:
        """Read raw samples.

        Parameters
        ----------
        query
            Instant query that ends in a range selector, such as ``up{job="envoy"}[300s]``.
        time
            End of that range, Unix seconds.

        Raises
        ------
        MetricsUnavailable
            If there is no answer to count from, for whatever reason.
        """
        answer = await self._query(query, time)
        if answer["status"] == "error":
            raise MetricsUnavailable("QueryRejected", f"{self.address} refused {query!r}: {answer.get('error')}")
        data = answer["data"]
        if data["resultType"] != "matrix":
            raise self._bad_shape(f"found a {data['resultType']} for {query!r}, expected a matrix")
        try:
            return [_series(element) for element in data["result"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._bad_shape(f"a series without labels and values: {type(error).__name__} {error}") from error

    async def instant(self, query: str, time: float) -> Answer:
        """Evaluate `query` at `time` (Unix seconds).

        Returns
        -------
        The decoded body: ``status`` is ``success``, with ``data.resultType`` and ``data.result``; or it is ``error``,
        with ``errorType`` and ``error``, where Prometheus refused the query: that is the query's author's business.

        Raises
        ------
        MetricsUnavailable
            If there is no answer, for whatever reason.
        """
        return await self._query(query, time)

    async def _query(self, query: str, evaluated_at: float) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, self._exchange, query, evaluated_at)
        except MetricsUnavailable as error:
            self._observe(error.reason)
            raise
        self._observe("error" if answer["status"] == "error" else "ok")
        return answer

    def _exchange(self, query: str, evaluated_at: float) -> Answer:
        params = {"query": query, "time": repr(evaluated_at)}
        deadline = time.monotonic() + self._timeout
        with (
            metrics_errors(self.address, self._timeout),
            self._connection.open(params, self._request_headers(), self._timeout) as response,
        ):
            body = self._read(response, deadline)
        if 300 <= response.status_code < 400:
            raise MetricsUnavailable(
                "Redirected", f"{self.address} redirects elsewhere (a login page?): use its target"
            )
        answer = self._decode(response, body)
        if response.status_code in {400, 422} and answer.get("status") == "error":
            return answer
        if response.status_code != 200:
            words = answer.get("error", "no explanation")
            raise MetricsUnavailable("HttpStatus", f"{self.address} answered HTTP {response.status_code}: {words}")
        self._check_clock(response.headers.get("Date"), evaluated_at)
        self._check_shape(answer)
        return answer

    def _request_headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", **self._headers}
        if self._bearer_token_file is not None:
            try:
                token = Path(self._bearer_token_file).read_text().strip()
            except OSError as error:
                raise MetricsUnavailable(
                    "TokenUnreadable", f"prometheus.bearerTokenFile {self._bearer_token_file}: {error.strerror}"
                ) from error
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """Read the body piece by piece: the library's own time-out starts anew with every byte that drips in."""
        body = bytearray()
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if time.monotonic() > deadline:
                raise MetricsUnavailable("Timeout", f"{self.address} did not finish its answer in {self._timeout:g} s")
            if len(body) > LARGEST_ANSWER_BYTES:
                raise MetricsUnavailable(
                    "TooLarge", f"{self.address} answered more than {LARGEST_ANSWER_BYTES} bytes: narrow the query"
                )
        return bytes(body)

    def _decode(self, response: requests.Response, body: bytes) -> Answer:
        try:
            answer = json.loads(body)
        except ValueError as error:
            if response.status_code != 200:
                raise MetricsUnavailable(
                    "HttpStatus", f"{self.address} answered HTTP {response.status_code}"
                ) from error
            kind = response.headers.get("Content-Type", "nothing in particular")
            raise MetricsUnavailable("NotJson", f"{self.address}: found {kind}, expected JSON") from error
        if not isinstance(answer, dict):
            raise self._bad_shape(f"found a JSON {type(answer).__name__}, expected an object")
        return answer

    def _check_clock(self, date: str | None, evaluated_at: float) -> None:
        if date is None:
            return
        try:
            skew = evaluated_at - parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        if abs(skew) > self._clock_tolerance:
            raise MetricsUnavailable(
                "ClockSkew",
                f"{self.address}: its clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the time asked "
                f"about, expected at most {self._clock_tolerance:g} s: synchronise the clocks",
            )

    def _check_shape(self, answer: Answer) -> None:
        if answer.get("status") != "success":
            raise self._bad_shape(f"found status {answer.get('status')!r}: {answer.get('error', 'no explanation')}")
        data = answer.get("data")
        if not isinstance(data, dict) or "resultType" not in data or not isinstance(data.get("result"), list):
            raise self._bad_shape("found no data.resultType and data.result, expected the answer to a query")

    def _bad_shape(self, message: str) -> MetricsUnavailable:
        return MetricsUnavailable("BadShape", f"{self.address}: {message}")


def _series(element: Mapping[str, Any]) -> Series:
    return Series(dict(element["metric"]), tuple(_sample(*pair) for pair in element["values"]))


def _sample(seconds: float, value: str) -> Sample:
    return float(seconds), float(value)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
