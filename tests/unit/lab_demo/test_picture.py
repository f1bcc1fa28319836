"""The picture of the demo is well-formed and drawn to scale."""

from pathlib import Path
from xml.etree import ElementTree

from lab.demo.picture import HEIGHT, WIDTH, Course, failure_bars, height_of, weight_line, write_picture

COURSE = Course(
    title="better: 3.3 <new>",
    weights=[(10, 1), (12, 50_000), (50, 1_000_000)],
    failures=[3.1, 3.9, 20.0],
    seconds=100,
    ending="promoted",
)


def test_each_course_is_a_panel_of_one_svg_document(tmp_path: Path) -> None:
    write_picture(tmp_path / "build/demo.svg", [COURSE, COURSE])
    root = ElementTree.parse(tmp_path / "build/demo.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("better: 3.3 <new>: promoted") == 2


def test_the_weight_is_a_line_of_steps() -> None:
    line = weight_line(COURSE, WIDTH / COURSE.seconds)
    assert f"H{0.12 * WIDTH:.1f}V{0.95 * HEIGHT:.1f}" in line
    assert f"H{0.5 * WIDTH:.1f}V0.0" in line


def test_all_traffic_is_at_the_top_and_none_at_the_bottom() -> None:
    assert (height_of(1_000_000), height_of(0)) == (0, HEIGHT)


def test_failures_are_counted_by_the_second() -> None:
    bars = list(failure_bars(COURSE.failures, 1))
    assert [bar.partition("<title>")[2].partition(" ")[0] for bar in bars] == ["2", "1"]


def test_no_failure_draws_no_bar() -> None:
    assert list(failure_bars([], 1)) == []
