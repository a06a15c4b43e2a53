"""What the tests of the screens share."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.testing.v1 import local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from vidgen_core.dashboard.shell.streamlit_fixes import SessionLookup


@pytest.fixture(autouse=True, scope="session")
def cheap_streamlit() -> Iterator[None]:
    """Less work around each run of a page."""
    # Streamlit reads the metadata of every installed package for each session: a second before each test.
    once = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        patch.setattr(local_script_runner, "require_widgets_deltas", _wait_for_end)
        # As on the server.
        patch.setattr(SafeSessionState, "filtered_state", property(SessionLookup))
        yield


def _wait_for_end(runner: LocalScriptRunner, timeout: float) -> None:
    """Wait for a run by its thread; Streamlit asks a thousand times a second whether it has ended."""
    thread = runner._script_thread
    assert thread is not None
    thread.join(timeout)
    if thread.is_alive():
        runner.request_stop()
        pytest.fail(f"a run of the page took more than {timeout} s")
