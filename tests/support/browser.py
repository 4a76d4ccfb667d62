"""A headless Chromium that tells what it asked for: one for the session of a worker.

Absent, it is a skipped test with a loud reason, as with servers (`servers/programs.py`).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers import programs

_DEADLINE_S = 60


class Browser:
    """Pages are opened as files; `requests` are all addresses asked for since the last page was opened."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self, page: Path, *, width: int = 1280, scheme: str = "light", until: str = "true"
    ) -> None:
        """Show a page, and wait until a JavaScript expression is true."""
        cdp = self.driver.execute_cdp_cmd
        cdp(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        cdp(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(page.resolve().as_uri())
        self.wait(lambda: self.run(f"return Boolean({until})"))

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, is_so: Callable[[], object]) -> None:
        end = time.monotonic() + _DEADLINE_S
        while not is_so():
            assert time.monotonic() < end, "the page did not get so far"

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def requests(self) -> list[str]:
        """Return the addresses that were asked for, but for what the page holds itself."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("data:", "blob:")):
                    found.append(url)
        return found

    def complaints(self) -> list[str]:
        """Return what stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser, without a network."""
    chromium, driver = programs.program("chromium"), programs.program("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        programs.absent("the Python package selenium is not installed: pip install -e '.[dev]'")
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for argument in (
        "--headless=new",
        "--no-sandbox",  # CI is root in a container
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=str(driver))
    started = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(started)
    finally:
        with contextlib.suppress(Exception):
            started.quit()
        service.stop()
