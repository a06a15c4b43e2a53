"""Review links: people without an account look at the takes of one project, vote, choose and comment.

A link is ``<id>-<expiry>-<signature>``: it is signed with a key that only this installation has, and asks its row each time whether
it still works. It opens the takes of its project and nothing else, and nothing that is done by it costs money.
"""

from __future__ import annotations

import hmac
import math
import re
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from vidgen_core.db.repositories.takes import ReviewRepository
from vidgen_core.domain.errors import ErrorKind, InputError, NotFound, Refused
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import ReviewLink, Take, TakeReview
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.access.auth import Auth, clean_name, hash_password, password_opens
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.context import Service

if TYPE_CHECKING:
    from vidgen_core.db import Tx

#: Days that a link works.
DAYS: Final = 7
MOST_DAYS: Final = 90
#: What one link takes in.
MOST_REVIEWERS: Final = 100
MOST_COMMENTS: Final = 5_000
LONGEST_COMMENT: Final = 1_000
#: What the browser of a reviewer calls itself.
_REVIEWER: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TOKEN: Final = re.compile(r"([1-9][0-9]{0,14})-([0-9]{1,12})-([A-Za-z0-9_-]{43})")


class Reviewed(NamedTuple):
    """A shot as reviewers see it: its takes, and what everybody said of them."""

    shot: Shot
    takes: list[Take]
    said: dict[int, TakeReview]


class Reviews(Service):
    """Links for reviewers, and what those said."""

    # --- for those who work here

    @requires(Role.MAKER)
    def share(self, project_id: int, days: float = DAYS, password: str = "", name: str = "") -> ReviewLink:
        """Make a link to the takes of a project.

        :param password: asked for before anything is shown; empty: none
        :param name: for whom it is, for the list of links
        :raises InputError: ``review_days`` (most), ``password_short``, ``password_long``
        :raises NotFound: there is no such project
        """
        if not 0 < days <= MOST_DAYS:
            raise InputError("review_days", most=MOST_DAYS)
        Auth(self._ctx.settings_file).ensure_token()
        kept = hash_password(password)
        with self._ctx.store.write() as tx:
            tx.projects.get(project_id)
            named = "" if not name.strip() else clean_name(clean_text(name))
            return tx.reviews.add_link(
                project_id, named, secrets.token_urlsafe(16), kept, tx.now() + timedelta(days=days)
            )

    links = stored(Role.MAKER, ReviewRepository.links, log=False)

    @requires(Role.MAKER)
    def revoke(self, link_id: int) -> ReviewLink:
        """Let a link open nothing any more.

        :raises NotFound: ``review_link_unknown``
        """
        with self._ctx.store.write() as tx:
            tx.reviews.revoke(link_id)
            found = tx.reviews.link(link_id)
        if found is None:
            raise NotFound("review_link_unknown", id=link_id)
        return found

    @requires(Role.MAKER, log=False)
    def token(self, link: ReviewLink) -> str:
        """What opens a link: the last part of its address."""
        expires = int(link.expires_at.timestamp())
        return f"{link.id}-{expires}-{self._sign('link', link, expires)}"

    @requires(Role.VIEWER)
    def of_project(self, project_id: int) -> list[Reviewed]:
        """The shots that have takes, in their order, with what reviewers said."""
        return list(self._ctx.revision_cache.ask(("reviews", project_id), lambda tx: _reviewed(tx, project_id)))

    @requires(Role.VIEWER)
    def of_takes(self, take_ids: Collection[int]) -> dict[int, TakeReview]:
        """What reviewers said, by take; those of which nothing was said are left out."""
        ids = tuple(take_ids)
        return dict(self._ctx.revision_cache.ask(("reviews of", ids), lambda tx: tx.reviews.of_takes(ids)))

    # --- for those who come with a link

    def open(self, token: str) -> ReviewLink:
        """The link that a token opens.

        :raises NotFound: ``review_link_gone``: forged, expired, revoked, or its project is gone; nothing tells them apart
        """
        parts = _TOKEN.fullmatch(token)
        if parts is not None:
            with self._ctx.store.read() as tx:
                link = tx.reviews.link(int(parts[1]))
                there = link is not None and any(one.id == link.project_id for one in tx.projects.all())
            if link is not None and there and link.works:
                signed = self._sign("link", link, int(link.expires_at.timestamp()))
                if hmac.compare_digest(signed, parts[3]) and parts[2] == str(int(link.expires_at.timestamp())):
                    return link
        raise NotFound("review_link_gone")

    def grant(self, link: ReviewLink, password: str) -> str | None:
        """What a browser keeps that knows the password of a link; None: it was wrong."""
        return self._sign("grant", link) if password_opens(link.password, password) else None

    def is_granted(self, link: ReviewLink, grant: str) -> bool:
        """Whether a browser may look: there is no password, or it has been told."""
        if link.password is None:
            return True
        return hmac.compare_digest(self._sign("grant", link).encode(), grant.encode("utf-8", "replace"))

    def take(self, link: ReviewLink, take_id: int) -> Take:
        """A take of the link's project.

        :raises NotFound: ``take_not_found``: also for takes of other projects, deleted ones and those put aside
        """
        with self._ctx.store.read() as tx:
            return _own(tx, link, take_id)

    def vote(
        self,
        link: ReviewLink,
        reviewer: str,
        name: str,
        take_id: int,
        *,
        vote: int | None = None,
        favourite: bool | None = None,
    ) -> None:
        """Write down what a reviewer thinks of a take.

        :raises NotFound: as ``take``
        :raises InputError: ``review_name_missing``, ``review_unreadable``
        :raises Refused: ``review_full``, ``review_name_taken`` (name)
        """
        who = _who(reviewer, name)
        said = {name: value for name, value in (("vote", vote), ("favourite", favourite)) if value is not None}
        if not said or vote not in (None, -1, 0, 1):
            raise InputError("review_unreadable")
        with self._ctx.store.write() as tx:
            take = _own(tx, link, take_id)
            _room(tx, link, reviewer, who)
            tx.reviews.vote(link.id, take, reviewer, who, **said)

    def comment(self, link: ReviewLink, reviewer: str, name: str, take_id: int, at: float, text: str) -> int:
        """Keep what a reviewer says about a moment of a take; returns its id.

        :raises NotFound: as ``take``
        :raises InputError: ``review_name_missing``, ``review_comment_empty``, ``review_unreadable``
        :raises Refused: ``review_full``, ``review_name_taken`` (name)
        """
        who, words = _who(reviewer, name), clean_text(text).strip()[:LONGEST_COMMENT]
        if not words:
            raise InputError("review_comment_empty")
        if not math.isfinite(at):
            raise InputError("review_unreadable")
        with self._ctx.store.write() as tx:
            take = _own(tx, link, take_id)
            _room(tx, link, reviewer, who)
            return tx.reviews.comment(link.id, take, reviewer, who, round(max(0.0, min(at, take.seconds)), 3), words)

    def remove_comment(self, link: ReviewLink, reviewer: str, comment_id: int) -> bool:
        """Take back one's own comment; whether there was one."""
        with self._ctx.store.write() as tx:
            return tx.reviews.remove_comment(link.id, reviewer, comment_id)

    def _sign(self, purpose: str, link: ReviewLink, *more: int) -> str:
        key = self._ctx.settings().sharing.token.get_secret_value()
        if not key:
            raise NotFound("review_link_gone")
        said = "\n".join(map(str, ("review", purpose, link.id, link.nonce, link.password or "", *more)))
        return urlsafe_b64encode(hmac.digest(key.encode(), said.encode(), "sha256")).decode().rstrip("=")


def _reviewed(tx: Tx, project_id: int) -> list[Reviewed]:
    shots = tx.shots.all(project_id)
    takes = tx.takes.of_shots([shot.id for shot in shots])
    seen = {shot_id: [take for take in some if take.rejected is None] for shot_id, some in takes.items()}
    said = tx.reviews.of_takes([take.id for some in seen.values() for take in some])
    return [
        Reviewed(shot, some, {take.id: said[take.id] for take in some if take.id in said})
        for shot in shots
        if (some := seen.get(shot.id))
    ]


def _own(tx: Tx, link: ReviewLink, take_id: int) -> Take:
    take = tx.takes.get(take_id)
    shown = any(one.id == take_id for one in tx.takes.of_shots([take.shot_id]).get(take.shot_id, ()))
    if take.project_id != link.project_id or take.rejected is not None or not shown:
        raise NotFound("take_not_found", id=take_id)
    return take


def key(name: str) -> str:
    """Names with the same key look alike to a reader."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _who(reviewer: str, name: str) -> str:
    if not _REVIEWER.fullmatch(reviewer):
        raise InputError("review_unreadable")
    who = " ".join(clean_text(name).split())
    if not who:
        raise InputError("review_name_missing")
    return clean_name(who)


def _room(tx: Tx, link: ReviewLink, reviewer: str, name: str) -> None:
    """:raises Refused: ``review_full``, ``review_name_taken`` (name): by another reviewer of this link, who was first"""
    if any(key(name) == key(taken) for who, taken in tx.reviews.reviewers(link.id) if who != reviewer):
        raise Refused("review_name_taken", name=name)
    reviewers, comments = tx.reviews.counts(link.id)
    if reviewers > MOST_REVIEWERS or comments >= MOST_COMMENTS:
        raise Refused("review_full", kind=ErrorKind.RATE_LIMIT)
