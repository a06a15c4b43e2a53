"""What a Lovart order needs before it is sent, all of it free: a picture that lies there, and a project of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from vidgen_core.domain.errors import Delivery, RemoteError
from vidgen_core.providers.base import Key, UploadCache
from vidgen_core.providers.common.uploads import UploadedFiles, refused_upload
from vidgen_core.providers.http.client import Http, Verb
from vidgen_core.providers.http.error_body import texts_at
from vidgen_core.providers.http.multipart import RequestBody, multipart_body
from vidgen_core.providers.lovart.responses import TABLE, said_by, went_well

#: How long a link is trusted; no public source says how long one lives.
LIFE: Final = timedelta(hours=20)
#: Projects remembered whose order has not been sent yet.
KEPT: Final = 1000


class Preparations:
    """Uploads JPEG files and opens projects; repeating an order's preparation gives the same again."""

    def __init__(self, http: Http, cache: UploadCache) -> None:
        self._http = http
        self._files = UploadedFiles(cache, LIFE)
        self.forget_picture = self._files.forget
        self._projects: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def picture(self, picture: Path, base: str, key: Key | None) -> tuple[str, str]:
        """The link of an uploaded ``picture``, and the name under which it is remembered.

        :raises RemoteError: the upload failed; ``delivery`` is never *unknown*, for an upload costs nothing
        """

        async def upload(name: str) -> str:
            form = multipart_body({}, picture, f"{name[:40]}.jpg", "image/jpeg")
            return await self._free(Verb.UPLOAD, f"{base}/file/upload", key, "data.url", body=form)

        return await self._files.link(picture, f"lovart\n{base}\n{key.id if key else ''}\n", upload)

    async def project(self, reference: str, base: str, key: Key | None) -> str:
        """The id of a new project for the order ``reference``, the same until ``forget_project``.

        :raises RemoteError: there is none; ``delivery`` is never *unknown*, for a project costs nothing
        """
        order = (reference, key.id if key else "")
        if order not in self._projects:
            wanted = {
                "project_id": "", "canvas": "", "project_cover_list": [], "pic_count": 0, "project_type": 3,
                "project_name": f"Vidgen {reference}",
            }  # fmt: skip
            self._projects[order] = await self._free(
                Verb.ASK, f"{base}/project/save", key, "data.project_id", json=wanted
            )
            while len(self._projects) > KEPT:
                self._projects.popitem(last=False)
        return self._projects[order]

    def forget_project(self, reference: str, key: Key | None) -> None:
        """The order has been sent: its project is not for another one."""
        self._projects.pop((reference, key.id if key else ""), None)

    async def _free(
        self,
        verb: Verb,
        url: str,
        key: Key | None,
        wanted: str,
        *,
        json: Mapping[str, Any] | None = None,
        body: RequestBody | None = None,
    ) -> str:
        try:
            answer = await self._http.call(verb, "POST", url, key=key, json=json, body=body)
        except RemoteError as error:
            if error.delivery is Delivery.UNKNOWN:
                error.delivery = Delivery.NOT_SENT
            raise
        found = texts_at(answer.json, wanted)
        if went_well(answer) and found:
            return found[0]
        raise refused_upload(TABLE, answer, said_by(answer), went_well=went_well(answer))
