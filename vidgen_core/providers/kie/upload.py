"""Pictures on their way to KIE: uploaded once, used for all takes of a shot while they live.

docs.kie.ai/file-upload-api: free and temporary, 24 hours in one place and 3 days in another; the same name overwrites
and may be cached, so names are made from the content.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from vidgen_core.providers.base import Key, UploadCache
from vidgen_core.providers.common.uploads import UploadedFiles, link_in
from vidgen_core.providers.http.client import Http, Verb
from vidgen_core.providers.http.multipart import RequestBody, multipart_body
from vidgen_core.providers.kie.responses import TABLE, said_by, went_well

#: How long a link is trusted; the shortest life named in the docs is a day.
LIFE: Final = timedelta(hours=20)
FOLDER: Final = "vidgen"


class Uploader:
    """Uploads pictures and videos."""

    def __init__(self, http: Http, cache: UploadCache) -> None:
        self._http = http
        self._files = UploadedFiles(cache, LIFE)
        self.learn = self._files.learn

    async def link(self, picture: Path, upload_url: str, key: Key | None) -> tuple[str, str]:
        """A public link of ``picture``, and the name under which it is remembered.

        :raises RemoteError: as ``UploadedFiles.link``
        """

        async def upload(name: str) -> str:
            return await self._upload(picture, upload_url, name, key)

        return await self._files.link(picture, f"{upload_url}\n", upload)

    async def _upload(self, picture: Path, upload_url: str, name: str, key: Key | None) -> str:
        body = _form(picture, f"{name[:40]}{picture.suffix.lower() or '.jpg'}")
        url, said = f"{upload_url}/api/file-stream-upload", ("data.downloadUrl", "data.fileUrl")
        answer = await self._http.call(Verb.UPLOAD, "POST", url, key=key, body=body)
        return link_in(TABLE, answer, said_by(answer), upload_url, *said, went_well=went_well(answer))


def _form(picture: Path, file_name: str) -> RequestBody:
    fields: Mapping[str, str] = {"uploadPath": FOLDER, "fileName": file_name}
    kind = mimetypes.guess_type(file_name)[0] or "image/jpeg"
    return multipart_body(fields, picture, file_name, kind)
