"""Connections and the health of an installation."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import ErrorKind, FileError, SettingsError
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import Connection
from vidgen_core.providers.local.adapter import LocalProvider
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.system.diagnostics import Finding

KEYS = '[{"name": "main", "secret": "sk-abcdefghijkl"}, {"name": "old", "secret": "sk-mnopqrstuvwx", "enabled": false}]'


def findings(app: Vidgen) -> dict[str, Finding]:
    return {finding.code: finding for finding in app.diagnostics.doctor()}


def test_a_good_installation_has_no_errors(app: Vidgen) -> None:
    found = findings(app)

    assert [code for code, finding in found.items() if not (finding.ok or finding.warning)] == []
    assert {"python", "store", "home", "settings_default", "runner_none"} <= found.keys()
    assert found["store"].params["journal_mode"] == "wal"


def test_wrong_settings_are_a_finding_and_stop_nothing(app: Vidgen) -> None:
    app.locations.settings_file.write_text("mode = 'loca'")

    finding = findings(app)["settings_wrong"]

    assert (finding.ok, finding.params["error"]) == (False, "setting_invalid")


def test_settings_that_others_may_read_are_closed(app: Vidgen) -> None:
    app.locations.settings_file.write_text("mode = 'local'")
    app.locations.settings_file.chmod(0o644)

    assert findings(app)["settings"].ok
    assert app.locations.settings_file.stat().st_mode & 0o077 == 0


def test_a_home_that_others_may_read_is_named(app: Vidgen) -> None:
    app.locations.home.chmod(0o755)

    finding = findings(app)["home_open_to_others"]

    assert (finding.warning, finding.params["mode"]) == (True, "755")


def test_little_space_is_a_warning(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(app.locations.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1_000))

    assert findings(app)["space_low"].params["free"] == 1_000


def test_a_silent_runner_is_told_from_a_working_one(app: Vidgen) -> None:
    app.worker.start()
    assert app.worker.wait_until_working(30)
    beat = Heartbeat(pid=os.getpid(), host="here", started_at=datetime.now(UTC), at=datetime.now(UTC))
    with app.store.write() as tx:
        tx.heartbeat.beat(beat)
    assert findings(app)["runner"].params["pid"] == os.getpid()

    app.worker.stop()
    with app.store.write() as tx:
        tx.heartbeat.beat(beat.model_copy(update={"at": beat.at - timedelta(minutes=5)}))
    assert findings(app)["runner_none"].ok


def test_the_local_renderer_needs_no_key_and_its_answer_is_remembered(app: Vidgen) -> None:
    assert app.diagnostics.connection(ProviderId("local")) == (None, None)

    assert app.diagnostics.test(ProviderId("local")).ok

    known = app.diagnostics.connection(ProviderId("local"))
    assert known.connection is not None
    assert known.connection.ok
    assert known.age is not None
    assert 0 <= known.age < 60
    assert app.worker.status(None).connection == known.connection


class Refusing(LocalProvider):
    """A provider whose keys are all refused, except one."""

    needs_key = True

    async def test(self, key: object) -> Connection:
        good = getattr(key, "secret", None) is not None and key.secret.get_secret_value().endswith("good")  # type: ignore[attr-defined]
        failure = Failure(kind=ErrorKind.AUTH, code="key_invalid", charged=ChargeStatus.NONE)
        return Connection(ok=good, failure=None if good else failure)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    from vidgen_core.providers import registry

    monkeypatch.setattr(registry, "open_provider", lambda _, settings, locations: Refusing(settings, locations))


def test_without_a_key_nobody_is_asked(app: Vidgen, refusing: None) -> None:
    connection = app.diagnostics.test(ProviderId("local"))

    assert not connection.ok
    assert connection.failure is not None
    assert connection.failure.code == "key_missing"


def test_a_key_is_tried_before_it_is_saved_and_not_remembered(app: Vidgen, refusing: None) -> None:
    assert app.diagnostics.test(ProviderId("local"), "sk-very-good").ok
    assert not app.diagnostics.test(ProviderId("local"), "sk-wrong").ok
    assert app.diagnostics.connection(ProviderId("local")).connection is None


def test_something_that_cannot_be_a_key_is_refused_and_not_shown(app: Vidgen, refusing: None) -> None:
    with pytest.raises(SettingsError) as caught:
        app.diagnostics.test(ProviderId("local"), "sk secret with spaces")

    assert "secret with" not in repr(caught.value.params) + str(caught.value.__cause__)


def test_keys_are_listed_with_what_they_have_done(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", KEYS)
    fingerprint = app.settings().providers.yunwu.keys[0].fingerprint
    with app.store.write() as tx:
        tx.keys.touch(ProviderId("yunwu"), fingerprint, "main", submitted=3, failed=1)

    (main, used), (old, unused) = app.diagnostics.keys(ProviderId("yunwu"))

    assert (main.label, used.submitted, used.failed) == ("main ••ijkl", 3, 1)
    assert (old.enabled, unused.submitted) == (False, 0)


def test_a_home_that_cannot_be_made_is_a_sentence(locations: Locations) -> None:
    blocked = locations.home / "file"
    blocked.write_text("in the way")

    with pytest.raises(FileError, match="home_unwritable"):
        Vidgen.open(Locations(blocked / "home"))


def test_a_database_that_cannot_be_written_is_found(app: Vidgen) -> None:
    with app.store._writer.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("PRAGMA query_only=ON")
    found = findings(app)

    assert "store" not in found
    assert not found["store_unwritable"].ok
    params = found["store_unwritable"].params
    assert "written" in get_text("en", strict=True).error("file", params["error"], params["of"])
