"""Every format and who writes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidgen_core.domain.characters import References
from vidgen_core.domain.shots import Shot
from vidgen_core.media.disk import replacing
from vidgen_core.media.storage import LocalMedia
from vidgen_core.services.exports.film import SUBTITLES, TIMELINES, Film, Format, Options, Progress


def write_film(
    film: Film, kind: Format, target: Path, options: Options, progress: Progress, language: str = "en"
) -> None:
    """Write the chosen takes into the file ``target``, which appears whole or not at all.

    :param language: of the words that a format has for people
    :raises Refused: export_nothing_chosen, export_no_lines, export_font_missing
    :raises InputError: pattern_invalid
    :raises FileError: export_files_gone, video_missing, video_unplayable, disk_full, folder_read_only
    """
    film.check()
    # Each brings libraries along that the others can do without.
    if kind is Format.ZIP:
        from vidgen_core.services.exports.archive import write_archive

        write_archive(film, target, options, progress, language)
    elif kind is Format.MP4:
        from vidgen_core.services.exports.rough_cut import write_rough_cut

        write_rough_cut(film, target, options, progress)
    elif kind is Format.JIANYING:
        from vidgen_core.services.exports.timelines.jianying import write_draft_zip

        write_draft_zip(film, target, options, progress)
    elif kind in TIMELINES:
        from vidgen_core.services.exports.timelines.timeline import write_timeline

        write_timeline(film, target, kind, options, progress, language)
    elif kind in SUBTITLES:
        from vidgen_core.services.exports.cut import lay_out
        from vidgen_core.services.exports.timelines.subtitles import write_subtitles

        write_subtitles(lay_out(film, options.still_seconds, progress), target, kind)
    elif kind is Format.PDF:
        from vidgen_core.services.exports.contact_sheet import write_contact_sheet

        write_contact_sheet(film, target, language, progress)
    else:
        raise TypeError(f"not a format of videos: {kind}")


def write_shots(
    shots: Sequence[Shot],
    kind: Format,
    target: Path,
    options: Options,
    language: str,
    project: str,
    media: LocalMedia,
    library: References | None = None,
) -> None:
    """Write a list of all shots; with ``options.pictures`` a ZIP that holds their pictures too.

    :param library: the project's style and characters, which such a ZIP holds as well
    :raises FileError: disk_full, folder_read_only
    """
    from vidgen_core.services.exports.archive import write_zip
    from vidgen_core.services.exports.shot_list import picture_names, shot_list

    if not options.pictures:
        write_bytes(
            shot_list(shots, kind, language, project, lambda key: str(media.path_of_picture(key).absolute())), target
        )
        return
    names = picture_names(shots)
    contents: dict[str, str | bytes | Path] = {
        f"shots.{kind}": shot_list(shots, kind, language, project, names.__getitem__)
    }
    contents |= {name: path for key, name in names.items() if (path := media.picture(key)).is_file()}
    write_zip(contents | library_files(library, media), target, lambda _: None)


def library_files(library: References | None, media: LocalMedia) -> dict[str, str | Path]:
    """The project's style and characters with their pictures, as they lie in a ZIP; nothing where there are none."""
    from vidgen_core.services.imports import characters

    if library is None or library == References():
        return {}
    names = characters.picture_names(library)
    pictures = {name: path for key, name in names.items() if (path := media.picture(key)).is_file()}
    return {characters.FILE: characters.write_library(library), **pictures}


def write_bytes(data: bytes, target: Path) -> None:
    """:raises FileError: disk_full, folder_read_only"""
    with replacing(target, ".part") as part:
        part.write_bytes(data)
