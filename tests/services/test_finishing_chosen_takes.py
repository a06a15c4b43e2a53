"""The chosen takes of a project, finished as one batch; enlarged files go out in exports, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import av
import pytest
from doubles import wait_until
from PIL import Image, ImageFilter

from vidgen_core.domain.characters import Character, References
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import LIVE, FinishVerb, TaskStatus
from vidgen_core.fake_provider.storage.faulty_clips import read_frames, write_clip
from vidgen_core.media import source_match
from vidgen_core.media.enlarge import EnlargeSpec, enlarge
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.providers.base import FinishOffer, Key, Order, Prepared
from vidgen_core.providers.local.adapter import ENLARGE_MODEL, LocalProvider
from vidgen_core.services.exports.film import Format
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.finishing import FinishOptions
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.imports.characters import read_library
from vidgen_core.services.system.cleanup import CleanupScope

AddShot = Callable[..., Shot]
SHORT = GenerateOptions(takes=1, duration=1.5)
UPSCALE, EXTEND = FinishOptions(verb=FinishVerb.UPSCALE), FinishOptions(verb=FinishVerb.EXTEND)


@pytest.fixture(autouse=True)
def kie_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')


def done(app: Vidgen, ids: list[int]) -> None:
    wait_until(lambda: not any(task.status in LIVE for task in app.tasks.many(ids)), 180)
    assert {task.status for task in app.tasks.many(ids)} == {TaskStatus.COMPLETED}


@pytest.fixture
def chosen(app: Vidgen, project: Project, add_shot: AddShot, picture: Path) -> list[Take]:
    """The chosen takes of two shots; a third shot has none."""
    app.worker.start()
    shots = [add_shot(f"{number}.0", "pan left", image=picture) for number in (1, 2, 3)]
    made = app.tasks.generate(project.id, [shot.id for shot in shots[:2]], SHORT)
    done(app, [task.id for task in made.tasks])
    takes = [app.takes.takes_of(shot.id)[0] for shot in shots[:2]]
    for take in takes:
        app.takes.choose(take.shot_id, take.id)
    return takes


def finished(app: Vidgen, project: Project, asked: FinishOptions = UPSCALE) -> list[Take]:
    made = app.finishing.order_chosen(project.id, asked)
    done(app, [task.id for task in made.tasks])
    return [take for task in made.tasks if (take := app.takes.of_task(task.id)) is not None]


def test_the_takes_of_a_project_take_its_characters_along(
    app: Vidgen, project: Project, chosen: list[Take], picture: Path, tmp_path: Path
) -> None:
    plain = app.exports.write(project.id, Format.ZIP, tmp_path / "plain.zip")
    face = app.shots.keep_image(picture)
    library = References(style="ink", characters=(Character(name="Ann", description="coat", images=(face,)),))
    app.pictures.set_references(project.id, library)

    packed = app.exports.write(project.id, Format.ZIP, tmp_path / "film.zip")

    with ZipFile(plain) as before, ZipFile(packed) as archive:
        brought = set(archive.namelist()) - set(before.namelist())
        archive.extractall(tmp_path / "out")
    assert {name.partition(".")[0] for name in brought} == {"characters", "characters/001"}
    kept = read_library(tmp_path / "out" / "characters.json")
    assert (kept.style, [(one.name, len(one.images)) for one in kept.characters]) == ("ink", [("Ann", 1)])


def test_chosen_takes_are_enlarged_as_one_batch_and_go_out_in_exports_until_the_source_is_used_again(
    app: Vidgen, project: Project, chosen: list[Take], tmp_path: Path
) -> None:
    sheet = app.finishing.sheet(project.id, UPSCALE)
    assert [(row.shot, row.problem) for row in sheet.rows] == [("1.0", None), ("2.0", None)]
    assert (sheet.estimate.tasks, sheet.estimate.free, sheet.preflight.tasks) == (2, True, 2)

    larger = finished(app, project)

    assert len({app.tasks.get(take.task_id).batch for take in larger}) == 1
    assert [(take.parent_id, take.stands_in, take.width) for take in larger] == [
        (take.id, True, 2 * take.width) for take in chosen
    ]
    assert [take.id for take in app.takes.chosen(project.id)] == [take.id for take in chosen]
    film = app.exports.film(project.id)
    assert [(clip.name, clip.finished, clip.take and clip.take.width) for clip in film.clips] == [
        ("1.0-v1", 2, 256),
        ("2.0-v1", 2, 256),
    ]
    packed = app.exports.write(project.id, Format.ZIP, tmp_path / "out.zip")
    with ZipFile(packed) as archive:
        first = json.loads(archive.read("manifest.json"))["clips"][0]
        (tmp_path / "clip.mp4").write_bytes(archive.read(first["video"]))
    assert (first["take"], first["finished_take"], first["width"]) == (1, 2, 256)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert clip.streams.video[0].width == 256
    assert not any(item.take.id == larger[0].id for item in app.cleanup.plan(project.id, CleanupScope.UNCHOSEN).items)

    again = app.finishing.sheet(project.id, UPSCALE)
    assert [row.problem and row.problem.code for row in again.rows] == ["finish_there", "finish_there"]
    app.takes.use_finished(larger[0].id, False)
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [None, 2]
    app.takes.use_finished(larger[0].id)
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [2, 2]
    app.takes.reject(larger[0].id, "")
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [None, 2]
    with pytest.raises(InputError, match="take_not_finished"):
        app.takes.use_finished(chosen[0].id)


@pytest.fixture
def extending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The renderer of this machine goes on from a video: it plays it back."""
    real = LocalProvider.prepare
    monkeypatch.setattr(
        LocalProvider, "finishing", lambda *_: [FinishOffer(verb=verb, model=ENLARGE_MODEL) for verb in FinishVerb]
    )

    async def longer(self: LocalProvider, order: Order, key: Key | None) -> Prepared:
        if order.params.parent is not None and order.params.parent.verb is FinishVerb.EXTEND:
            assert order.video is not None
            frames, fps = read_frames(order.video)
            target = tmp_path / f"{order.reference}.mp4"
            write_clip([*frames, *reversed(frames)], target, fps)
            order = order.model_copy(update={"video": target})
        return await real(self, order, key)

    monkeypatch.setattr(LocalProvider, "prepare", longer)


def test_an_extended_take_goes_out_for_its_source_until_that_is_used_again(
    app: Vidgen, project: Project, chosen: list[Take], extending: None, tmp_path: Path
) -> None:
    app.chains.link(chosen[1].shot_id, chosen[0].shot_id)
    made = app.tasks.generate(project.id, [chosen[1].shot_id], SHORT)
    done(app, [task.id for task in made.tasks])
    following = app.takes.of_task(made.tasks[0].id)
    assert following is not None
    app.takes.choose(following.shot_id, following.id)
    assert app.chains.stale(project.id) == {}

    longer = finished(app, project, EXTEND)

    assert [(take.stands_in, take.warnings) for take in longer] == [(True, ())] * 2
    clip, _ = app.exports.film(project.id).clips
    assert clip.take is not None
    assert (clip.name, clip.finished, clip.take.id, clip.take.seconds) == ("1.0-v1", 2, chosen[0].id, longer[0].seconds)
    assert longer[0].seconds == pytest.approx(2 * chosen[0].seconds, abs=0.1)
    # The shot that goes on from it went on from another end.
    assert {id_: stale.code for id_, stale in app.chains.stale(project.id).items()} == {following.shot_id: "take"}
    # What an editor cuts is the longer file.
    cut = app.exports.write(project.id, Format.OTIO, tmp_path / "film.otio")
    assert app.edits.plan(project.id, cut.name, cut.read_bytes()).notes == ()
    # Once more would be paid twice, and what is enlarged from now on is the longer one.
    again = app.finishing.sheet(project.id, EXTEND)
    assert [row.problem and row.problem.code for row in again.rows] == ["finish_there", "finish_there"]
    assert [row.take.id for row in app.finishing.sheet(project.id, UPSCALE).rows] == [take.id for take in longer]

    app.takes.use_finished(longer[0].id, False)
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [None, longer[1].number]
    assert app.chains.stale(project.id) == {}
    app.takes.use_finished(longer[0].id)
    larger = finished(app, project)
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [take.number for take in larger]
    assert {stale.code for stale in app.chains.stale(project.id).values()} == {"take"}


def test_only_what_can_be_done_is_ordered_and_nothing_twice(
    app: Vidgen, project: Project, chosen: list[Take], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="limit_negative"):
        app.finishing.order_chosen(project.id, UPSCALE, ceiling=Decimal(-1))
    sheet = app.finishing.sheet(project.id, FinishOptions(verb=FinishVerb.FETCH_4K))
    assert [row.problem and row.problem.code for row in sheet.rows] == ["finish_not_offered"] * 2
    refused = app.finishing.order_chosen(project.id, FinishOptions(verb=FinishVerb.FETCH_4K))
    assert ([one.code for one in refused.refused], refused.tasks) == (["finish_not_offered"] * 2, ())

    app.worker.pause()
    one = app.finishing.order_chosen(project.id, UPSCALE, [chosen[0].shot_id])
    both = app.finishing.order_chosen(project.id, UPSCALE)
    assert [task.shot for task in (*one.tasks, *both.tasks)] == ["1.0", "2.0"]
    assert [(one.shot.number, one.code) for one in both.refused] == [("1.0", "finish_under_way")]


@pytest.fixture
def paid_upscale(monkeypatch: pytest.MonkeyPatch) -> None:
    """The renderer of this machine offers nothing, and KIE enlarges for a price."""
    monkeypatch.setattr(LocalProvider, "finishing", lambda _self, _take: ())


def test_a_ceiling_is_kept_before_and_while_it_is_ordered(
    app: Vidgen, project: Project, chosen: list[Take], paid_upscale: None
) -> None:
    app.worker.pause()
    # A length that is no whole second is no reason against enlarging.
    sheet = app.finishing.sheet(project.id, UPSCALE)
    prices = [row.offer.price for row in sheet.rows if row.offer and row.offer.price]
    assert len(prices) == 2
    worth = app.finishing.estimate(chosen[0].id, UPSCALE)
    assert sheet.preflight.low is not None
    assert worth.money == prices[0]
    half = sheet.preflight.low.amount * Decimal("0.6")

    made = app.finishing.order_chosen(project.id, UPSCALE, ceiling=half)

    assert [task.shot for task in made.tasks] == ["1.0"]
    assert [(one.shot.number, one.code) for one in made.refused] == [("2.0", "finish_ceiling")]
    with app.store.read() as tx:
        assert made.tasks[0].draw is not None
        ceiling = tx.draws.ceiling(made.tasks[0].draw)
        assert ceiling is not None
        assert ceiling.amount == half
        assert tx.draws.open() == []


# --- held against its source


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A moving picture, the same enlarged, another picture, another length, another ratio, and fewer pixels."""
    folder = tmp_path_factory.mktemp("films")
    for name, seed in (("one", 3), ("other", 8)):
        noise = Image.effect_noise((40, 24), 160 + seed).resize((640, 360), Image.Resampling.BICUBIC)
        noise.filter(ImageFilter.GaussianBlur(4)).convert("RGB").save(folder / f"{name}.png")

    def film(name: str, picture: str, width: int, height: int, seconds: float) -> Path:
        target = folder / f"{name}.mp4"
        spec = RenderSpec(
            image=folder / f"{picture}.png", prompt="pan left", width=width, height=height, seconds=seconds, fps=12
        )
        render(spec, target)
        return target

    made = {
        "source": film("source", "one", 320, 180, 1.0),
        "other picture": film("other", "other", 640, 360, 1.0),
        "other length": film("long", "one", 640, 360, 1.5),
        "other ratio": film("ratio", "one", 640, 480, 1.0),
        "fewer pixels": film("small", "one", 160, 90, 1.0),
    }
    enlarge(EnlargeSpec(video=made["source"]), folder / "larger.mp4")
    (shown, fps), (more, _) = read_frames(made["source"]), read_frames(made["other picture"])
    after = [one.resize(shown[0].size) for one in more]
    write_clip([*shown, *after], folder / "extended.mp4", fps)
    write_clip([*after, *shown], folder / "before.mp4", fps)
    names = {"enlarged": "larger", "extended": "extended", "another begin": "before", "gone": "gone"}
    return {**made, **{name: folder / f"{file}.mp4" for name, file in names.items()}}


@pytest.mark.parametrize(
    ("name", "longer", "found"),
    [
        ("enlarged", False, None),
        ("source", False, None),
        ("extended", True, None),
        ("source", True, "source_differs"),
        ("another begin", True, "source_differs"),
        ("extended", False, "source_differs"),
        ("other picture", False, "source_differs"),
        ("other length", False, "source_differs"),
        ("other ratio", False, "source_differs"),
        ("fewer pixels", False, "source_differs"),
        ("gone", False, "source_unknown"),
    ],
)
def test_a_file_is_held_against_its_source(films: dict[str, Path], name: str, longer: bool, found: str | None) -> None:
    assert source_match.differs(films["source"], films[name], longer=longer) == found


def test_what_is_not_the_same_video_is_flagged_and_does_not_replace_it(
    app: Vidgen, project: Project, chosen: list[Take], films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LocalProvider.prepare

    async def another(self: LocalProvider, order: object, key: object) -> object:
        return await real(self, order.model_copy(update={"video": films["other length"]}), key)  # type: ignore[attr-defined,arg-type]

    monkeypatch.setattr(LocalProvider, "prepare", another)
    larger = finished(app, project)
    assert [(take.stands_in, "source_differs" in take.warnings) for take in larger] == [(False, True)] * 2
    assert [clip.finished for clip in app.exports.film(project.id).clips] == [None, None]


def test_the_enlarged_video_keeps_its_sound(tmp_path: Path, films: dict[str, Path]) -> None:
    import numpy as np

    loud = tmp_path / "loud.mp4"
    with av.open(str(films["source"])) as source, av.open(str(loud), "w") as made:
        pictures = made.add_stream_from_template(source.streams.video[0])
        sound = made.add_stream("aac", rate=44100, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                made.mux(packet)
        tone = (np.sin(np.arange(44100) / 20) * 0.5).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.rate = 44100
        made.mux([*sound.encode(frame), *sound.encode(None)])
    enlarge(EnlargeSpec(video=loud), tmp_path / "larger.mp4")
    with av.open(str(tmp_path / "larger.mp4")) as made:
        assert (made.streams.video[0].width, len(made.streams.audio)) == (640, 1)
        assert sum(frame.samples for frame in made.decode(audio=0)) >= 44000


def test_a_take_of_this_machine_is_enlarged_here_although_somebody_takes_money_for_it(
    app: Vidgen, chosen: list[Take]
) -> None:
    offers = {one.verb: one for one in app.finishing.offers(chosen[0].id)}
    assert (offers[FinishVerb.UPSCALE].provider, offers[FinishVerb.UPSCALE].price) == (
        ProviderId("local"),
        Money(amount=Decimal(0), currency="CNY"),
    )
