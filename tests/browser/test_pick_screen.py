"""The Pick screen, as somebody chooses with the keyboard."""

from __future__ import annotations

import pytest
from browser_studio import Studio, Visitors, go, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import NewShot, Project
from vidgen_core.domain.takes import NewTake, Take, Verdict
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture(scope="module")
def project(studio: Studio) -> Project:
    """Three shots with takes: three, one and five of them; and one without."""
    made = studio.project("picking", 4)
    shots = studio.vidgen.shots.ids(made.id)
    for shot, takes in zip(shots, (3, 1, 5), strict=False):
        studio.vidgen.tasks.generate(made.id, [shot], GenerateOptions(takes=takes))
    return made


@pytest.fixture
def shots(studio: Studio, project: Project, page: Page) -> list[int]:
    """The shots, unchosen and unrejected, as soon as all takes are there and checked: the best stands first."""
    vidgen = studio.vidgen
    ids = vidgen.shots.ids(project.id)
    until(page, lambda: sum(bool(take.verdict) for shot in ids for take in takes(studio, shot)) == 9, "nine takes")
    for shot in ids:
        vidgen.takes.choose(shot, None)
        for take in takes(studio, shot):
            vidgen.takes.reject(take.id, None)
    return ids


def takes(studio: Studio, shot: int) -> list[Take]:
    return studio.vidgen.takes.takes_of(shot)


def chosen(studio: Studio, shot: int) -> int | None:
    return next((take.number for take in takes(studio, shot) if take.chosen), None)


def test_takes_play_in_step_and_again_from_the_start(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    go(page, studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    spread = """() => { const t = [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('video')] : []).map(v => v.currentTime); return t.length === 3 ? [Math.max(...t) - Math.min(...t), Math.max(...t)] : null }"""
    until(page, lambda: (page.evaluate(spread) or [9, 0])[1] > 0.1, "the takes to play")
    times = [0.0]

    def began_again() -> bool:
        times.append(page.evaluate(spread)[1])
        return times[-1] < times[-2]

    until(page, began_again, "the takes to begin again")
    until(page, began_again, "the takes to begin a third time")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=False).first).to_be_visible()
    apart, _ = page.evaluate(spread)
    assert apart < 0.25


@pytest.mark.smoke
def test_keys_choose_reject_undo_and_go_on(studio: Studio, project: Project, shots: list[int], page: Page) -> None:
    first, second, third, _ = shots
    go(page, studio.at(project, "pick"))
    expect(page.get_by_text("0/3")).to_be_visible()
    expect(page.locator("video")).to_have_count(3)
    page.keyboard.press("x")
    expect(page.get_by_text("Why is v1 rejected?")).to_be_visible()
    page.keyboard.press("1")
    until(page, lambda: takes(studio, first)[0].rejected == "Motion wrong", "the reason")
    expect(page.get_by_text("✕ rejected")).to_be_visible()
    page.keyboard.press("2")
    until(page, lambda: chosen(studio, first) == 2, "the choice")
    # The next one stands there by itself.
    expect(page.locator("video")).to_have_count(1)
    expect(page.get_by_text("1/3")).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator("video")).to_have_count(3)
    until(page, lambda: chosen(studio, first) is None, "the choice taken back")
    page.keyboard.press("2")
    page.keyboard.press("1")
    until(page, lambda: chosen(studio, second) == 1, "the choice of the second")
    expect(page.locator("video")).to_have_count(5)
    page.keyboard.press("k")
    expect(page.locator("video")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("video")).to_have_count(5)
    page.keyboard.press("5")
    until(page, lambda: chosen(studio, third) == 5, "the choice of the third")
    page.get_by_role("button", name="Export", exact=True).click()
    page.wait_for_url("**/export*")
    assert len(studio.vidgen.shots.ids(project.id, ShotFilter(state="chosen"))) == 3


def test_takes_keep_their_places_from_the_moment_their_shot_stands_there(studio: Studio, page: Page) -> None:
    film = studio.project("places", 2)
    first, second = studio.vidgen.shots.ids(film.id)
    studio.vidgen.tasks.generate(film.id, [first], GenerateOptions(takes=1))
    studio.vidgen.tasks.generate(film.id, [second], GenerateOptions(takes=2))
    until(page, lambda: len(takes(studio, first) + takes(studio, second)) == 3, "the takes")
    until(page, lambda: all(take.verdict for take in takes(studio, second)), "the checks")
    judge(studio, takes(studio, second)[0], Verdict.DOUBT)
    judge(studio, takes(studio, second)[1], Verdict.FAIL)
    go(page, studio.at(film, "pick"))
    room = page.locator(".st-key-review")
    expect(room.locator("video")).to_have_count(1)
    page.keyboard.press("j")
    # The server may hear of the key after this.
    judge(studio, takes(studio, second)[1], Verdict.PASS)
    expect(room.locator(".take .key").filter(has_text="✅")).to_have_count(1)
    assert [facts.split(" · ")[0] for facts in room.locator(".take .facts").all_inner_texts()] == ["v1", "v2"]
    page.keyboard.press("2")
    until(page, lambda: chosen(studio, second) == 2, "the choice of what stands at 2")


def judge(studio: Studio, take: Take, verdict: Verdict) -> None:
    with studio.vidgen.store.write() as tx:
        tx.takes.judge(take, verdict, [])


@pytest.mark.parametrize("by", ["key", "finger"])
def test_sixty_shots_are_reviewed_by_sixty_keys_or_touches(studio: Studio, visitor: Visitors, by: str) -> None:
    page = visitor() if by == "key" else visitor(width=390, height=844, touch=True)
    film = studio.project("sixty", 1)
    [pattern] = studio.vidgen.shots.ids(film.id)
    # Another video than those of the other tests: where one is there twice the later take fails its checks.
    studio.vidgen.shots.edit(pattern, prompt="the camera pans to the left")
    studio.vidgen.tasks.generate(film.id, [pattern], GenerateOptions(takes=1))
    until(page, lambda: bool(takes(studio, pattern)), "a take")
    copy_takes(studio, film, pattern, 59)
    go(page, studio.at(film, "pick"))
    expect(page.get_by_text("0/60")).to_be_visible()
    for _ in range(60):
        if by == "key":
            page.keyboard.press("1")
        else:
            page.get_by_role("button", name="★ Choose").tap()
    expect(page.get_by_text("A take is chosen for every shot that has takes.")).to_be_visible()
    until(page, lambda: len(studio.vidgen.takes.chosen(film.id)) == 60, "sixty choices")
    expect(page.get_by_text("60/60")).to_be_visible()
    # Whoever comes back finds the way out as well.
    go(page, studio.at(film, "pick"))
    expect(page.get_by_text("60/60")).to_be_visible()
    expect(page.locator(".st-key-review").get_by_role("button", name="Export")).to_be_visible()


def copy_takes(studio: Studio, film: Project, pattern: int, count: int) -> None:
    """More shots whose take is the file of this one."""
    [like] = takes(studio, pattern)
    facts = like.model_dump(
        include={"folder", "file", "poster", "seconds", "width", "height", "bytes", "sha256", "model"}
    )
    with studio.vidgen.store.write() as tx:
        for shot in tx.shots.add(film.id, [NewShot(number=None, prompt=f"copy {n}") for n in range(count)]):
            new = NewTask(
                project_id=film.id, shot_id=shot.id, provider=like.provider, model=like.model,
                params=GenerationParams(prompt="copy", aspect_ratio="9:16", size="360P"),
            )  # fmt: skip
            [task] = tx.tasks.add([new])
            for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
                tx.tasks.move(task.id, status)
            tx.takes.add(
                NewTake(project_id=film.id, shot_id=shot.id, task_id=task.id, number=1, provider=like.provider, **facts)
            )


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1920, 1080), (1024, 600), (390, 844)])
def test_whole_takes_buttons_and_strip_are_in_the_window(
    studio: Studio, project: Project, shots: list[int], visitor: Visitors, width: int, height: int
) -> None:
    page = go(visitor(width=width, height=height), studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    room = page.locator(".st-key-review")
    if width >= 1440:
        assert room.locator(".bar").evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    for part in (".frame", ".choose", ".strip", ".bar"):
        box = room.locator(part).first.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight") <= height + 2


def test_a_new_prompt_and_one_more_take_without_leaving(studio: Studio, page: Page) -> None:
    film = studio.project("reworded", 1)
    [shot] = studio.vidgen.shots.ids(film.id)
    studio.vidgen.tasks.generate(film.id, [shot], GenerateOptions(takes=1))
    until(page, lambda: bool(takes(studio, shot)), "a take")
    go(page, studio.at(film, "pick"))
    expect(page.locator("video")).to_have_count(1)
    page.keyboard.press("e")
    box = page.get_by_role("textbox", name="New prompt")
    expect(box).to_be_focused()
    box.fill("the camera stays still")
    page.get_by_role("button", name="Save and make one more").click()
    until(page, lambda: studio.vidgen.shots.get(shot).prompt == "the camera stays still", "the new prompt")
    expect(page.locator("video")).to_have_count(2)


def test_two_takes_are_compared_in_one_frame(studio: Studio, project: Project, shots: list[int], page: Page) -> None:
    go(page, studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    page.keyboard.press("a")
    first, second = page.locator(".take.focus .frame").bounding_box(), page.locator(".take.other .frame").bounding_box()
    assert first == second
    page.keyboard.press("Escape")
    expect(page.locator(".takes.wiping")).to_have_count(0)


@pytest.fixture
def compared(studio: Studio, page: Page) -> Page:
    """The room with one shot that has three takes of eight frames a second."""
    film = studio.project("compared", 1)
    shots = studio.vidgen.shots.ids(film.id)
    studio.vidgen.tasks.generate(film.id, shots, GenerateOptions(takes=3))
    until(page, lambda: len(takes(studio, shots[0])) == 3, "three takes")
    go(page, studio.at(film, "pick"))
    expect(page.locator(".st-key-review .take")).to_have_count(3)
    return page


def test_the_list_of_keys_opens_and_closes_and_a_key_fills_the_screen(compared: Page) -> None:
    page, listed = compared, compared.locator(".st-key-review .help")
    page.keyboard.press("?")
    expect(listed).to_be_visible()
    keys = set(listed.locator("kbd").all_inner_texts())
    assert keys == {"1–5", "X", "M", "E", "Z", "←", "→", "J", "K", "Space", ",", ".", "A", "B", "F", "S", "?"}
    page.keyboard.press("?")
    expect(listed).to_be_hidden()
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement")
    page.keyboard.press("f")
    page.wait_for_function("() => !document.fullscreenElement")


def test_a_key_makes_one_more_take(studio: Studio, compared: Page) -> None:
    compared.keyboard.press("m")
    expect(compared.locator(".st-key-review .take")).to_have_count(4)
    expect(compared.locator(".st-key-header_line").get_by_role("button", name="Done 4")).to_be_visible()


@pytest.mark.parametrize("first", ["a", "b"])
def test_keys_compare_each_take_with_each_other(compared: Page, first: str) -> None:
    page, cards = compared, compared.locator(".st-key-review .take").all()

    def shown() -> list[int]:
        return [place for place, take in enumerate(cards) if take.is_visible()]

    page.keyboard.press(first)
    assert shown() == [0, 1]
    page.keyboard.press("b")
    assert shown() == [0, 2]
    page.keyboard.press("b")
    assert shown() == [0, 1]
    # On the take that it was compared with: the two have changed their sides.
    page.keyboard.press("ArrowRight")
    assert shown() == [0, 1]
    page.keyboard.press("a")
    assert shown() == [0, 1, 2]


def test_keys_step_through_the_frames_of_the_takes(compared: Page) -> None:
    page, videos = compared, compared.locator(".st-key-review video")
    until(page, lambda: any(video.evaluate("video => video.currentTime > 0.6") for video in videos.all()), "frames")
    page.keyboard.press("Space")

    def frames() -> list[int]:
        return videos.evaluate_all("all => all.map((video) => Math.floor(video.currentTime * 8 + 0.01))")

    videos.evaluate_all("all => all.forEach((video) => { video.currentTime = 0.3 })")
    stood = []
    for key in ".,..,":
        page.keyboard.press(key)
        stood.append(frames())
    assert stood == [[3] * 3, [2] * 3, [3] * 3, [4] * 3, [3] * 3]


def test_the_strip_says_which_shots_wait_and_leads_to_them(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    studio.vidgen.takes.choose_number(shots[0], 1)
    go(page, studio.at(project, "pick"))
    settled(page)

    expect(page.get_by_role("button", name="1.0, chosen")).to_be_visible()
    expect(page.get_by_role("button", name="4.0, to review")).to_have_count(0)
    page.get_by_role("button", name="3.0, to review").click()
    expect(page.locator("video")).to_have_count(5)


def test_letters_typed_into_a_field_choose_nothing(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    go(page, studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    page.keyboard.press("x")
    own = page.get_by_role("textbox", name="another reason")
    own.press_sequentially("2 kjx")
    own.press("Enter")

    until(page, lambda: takes(studio, shots[0])[0].rejected == "2 kjx", "the reason in one's own words")
    assert chosen(studio, shots[0]) is None


def test_on_a_phone_a_finger_moves_through_takes_and_shots(
    studio: Studio, project: Project, shots: list[int], visitor: Visitors
) -> None:
    page = go(visitor(width=390, height=844, scheme="dark", locale="zh-CN", touch=True), studio.at(project, "pick"))
    videos = page.locator("video")
    expect(videos).to_have_count(3)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    swipe(page, -200)
    expect(videos).to_have_count(1)
    swipe(page, 200)
    expect(videos).to_have_count(3)
    page.get_by_role("button", name="★ 选定").first.click()
    until(page, lambda: chosen(studio, shots[0]) == 1, "the choice")


def swipe(page: Page, by: int) -> None:
    """Move a finger over the takes, up where it is negative."""
    page.locator(".takes").evaluate(
        """(node, by) => {
          for (const [kind, y] of [["touchstart", 400], ["touchend", 400 + by]]) {
            const touch = new Touch({ identifier: 1, target: node, clientX: 200, clientY: y })
            node.dispatchEvent(new TouchEvent(kind, { changedTouches: [touch], bubbles: true }))
          }
        }""",
        by,
    )
