"""Everything that may go wrong, as values.

    VidgenError
    ├── SettingsError        a setting is wrong or cannot be read or written
    ├── NotFound             a project, shot, task or take that does not exist
    ├── Refused              the request makes no sense now (an illegal transition, nothing chosen)
    ├── Superseded           somebody else has moved a task on since it was read
    ├── RunnerBusy           another process holds the runner of this data home
    ├── StoreError           the database is locked, damaged or too new
    ├── InputError           a list, a row or a value given by a person is wrong
    ├── FileError            a picture, video, folder or disk is at fault
    └── RemoteError          a provider, or the way to it, is at fault
        └── HandOver         a person has to do something in the provider's own window

An error carries ``kind``, ``code`` and ``params`` and never a sentence: the sentence is found in the
reader's language by ``vidgen_core.i18n`` under ``error.<code>``, so what is stored today can be read
in another language tomorrow.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final


class ErrorKind(StrEnum):
    """What a failed task failed of; the words are fixed by the public interface."""

    #: The way to the provider is broken: DNS, connection, proxy, an unreadable answer.
    NETWORK = "network"
    #: The key is wrong, expired or has no right to this model.
    AUTH = "auth"
    #: The account or the key has no money left.
    BALANCE = "balance"
    #: We asked too often.
    RATE_LIMIT = "rate_limit"
    #: The provider has no capacity at the moment.
    OVERLOADED = "overloaded"
    #: Prompt, picture or result was refused on grounds of content.
    MODERATION = "moderation"
    #: A value is missing or not allowed.
    PARAMETER = "parameter"
    #: A picture, a video or the disk is at fault.
    FILE = "file"
    #: The longest waiting time has passed.
    TIMEOUT = "timeout"
    #: The provider failed without saying more.
    PROVIDER = "provider"
    #: A paid request left and its answer was lost: it may or may not have been accepted.
    SUBMIT_UNKNOWN = "submit_unknown"


class Delivery(StrEnum):
    """What is known of a request that ended in an error: the ground for deciding about repeating it."""

    #: Not one byte of the request can have been acted on (DNS, connect, pool, proxy refused).
    NOT_SENT = "not_sent"
    #: The provider said in clear that it did not accept it.
    REFUSED = "refused"
    #: It may have been accepted.
    UNKNOWN = "unknown"


#: What may be over without a change here: a server comes back, gets room, or lets us in.
_PASSING: Final = frozenset(
    {
        "disk_full",
        "store_commit_unknown",
        "store_database_missing",
        "store_host_unknown",
        "store_incomplete",
        "store_locked",
        "store_not_admitted",
        "store_login_refused",
        "store_server_away",
        "store_server_broken",
        "store_server_full",
        "store_server_read_only",
        "store_server_tls",
        "store_tls_needed",
        "store_tls_refused",
    }
)


class VidgenError(Exception):
    """The root.

    ``code`` names the case and the sentence (``error.<code>`` in the catalogues); ``params`` fill the
    sentence and hold only plain JSON values and never a secret.
    """

    kind: ErrorKind = ErrorKind.PARAMETER
    default_code: ClassVar[str] = "unexpected"

    def __init__(self, code: str | None = None, /, *, kind: ErrorKind | None = None, **params: Any) -> None:
        self.code = code or self.default_code
        if kind is not None:
            self.kind = kind
        self.params: dict[str, Any] = params
        super().__init__(self.code, params)

    @property
    def passes(self) -> bool:
        """Whether a database that cannot be used now may be waited for."""
        return self.code in _PASSING

    def __str__(self) -> str:
        """For logs and developers; people read the catalogue's sentence."""
        detail = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"[{self.kind}:{self.code}]{' ' + detail if detail else ''}"


class SettingsError(VidgenError):
    """A setting is wrong or cannot be read or written; ``field`` in the params is its dotted name."""

    default_code = "settings_invalid"


class NotFound(VidgenError):
    """What was asked for does not exist."""

    default_code = "not_found"


class Refused(VidgenError):
    """The request makes no sense in the present state."""

    default_code = "refused"


class Superseded(VidgenError):
    """Somebody else has moved the task on since it was read: nothing was written, and it has to be read again."""

    default_code = "superseded"


class RunnerBusy(VidgenError):
    """Another process holds the runner of this data home."""

    default_code = "runner_busy"


class StoreError(VidgenError):
    """The database cannot be used."""

    kind = ErrorKind.FILE
    default_code = "store_unusable"


class CommitUnknown(StoreError):
    """The answer to a commit was lost, and nobody can say now whether it was made.

    :param transaction: by which ``Store.was_committed`` tells it later
    """

    default_code = "store_commit_unknown"

    def __init__(self, transaction: str, **params: Any) -> None:
        super().__init__(**params)
        self.transaction = transaction


class InputError(VidgenError):
    """Something that a person gave is wrong: a list, a row, a value."""

    default_code = "input_invalid"


class FileError(VidgenError):
    """A picture, a video, a folder or the disk is at fault."""

    kind = ErrorKind.FILE
    default_code = "file_unreadable"


class RemoteError(VidgenError):
    """A provider, or the way to it, is at fault.

    :param delivery: whether the request can have been acted on.
    :param retry_after: seconds the provider asked us to wait, where it did.
    :param evidence: the raw answer, secrets removed, at most a few kilobytes.
    :param request_id: the provider's name for the request, for its support.
    """

    kind = ErrorKind.PROVIDER
    default_code = "provider_failed"

    def __init__(
        self,
        code: str | None = None,
        /,
        *,
        kind: ErrorKind = ErrorKind.PROVIDER,
        delivery: Delivery = Delivery.REFUSED,
        retry_after: float | None = None,
        evidence: str | None = None,
        request_id: str | None = None,
        **params: Any,
    ) -> None:
        super().__init__(code or f"{kind}", kind=kind, **params)
        self.delivery = delivery
        self.retry_after = retry_after
        self.evidence = evidence
        self.request_id = request_id


class HandOver(RemoteError):
    """A person has to do something, e.g. in the provider's own window; until then nothing of that provider goes on."""

    default_code = "handed_over"
