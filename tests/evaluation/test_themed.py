import base64
import io

import matplotlib.image
import numpy as np
import pytest

from zeta_eval.evaluation.reports.style import canvas, legend, title
from zeta_eval.evaluation.reports.themed import STYLE, pictures


@pytest.fixture
def figure():
    made, [[axes]] = canvas(size=(4, 3))
    axes.plot([0, 1], [0, 1], color="#0072B2", label="a line")
    axes.plot([0, 1], [1, 0], color="#000000", label="another")
    title(axes, "A title")
    legend(made, axes)
    return made


def read(png):
    return (matplotlib.image.imread(io.BytesIO(png)) * 255).round()


def test_one_picture_is_white_and_the_other_has_no_ground_and_light_ink(figure):
    light, dark = (read(png) for png in pictures(figure))
    assert light.shape == dark.shape == (330, 440, 4)
    assert (light[..., 3] == 255).all() and light[..., :3].mean() > 220
    seen = dark[..., 3] > 128
    assert 0.005 < seen.mean() < 0.3
    grey = np.ptp(dark[..., :3], axis=-1) < 5
    assert dark[seen & grey][:, :3].mean() > 120  # ink and the black line have become light
    assert (dark[seen & grey][:, :3] > 240).any()


def test_a_colour_stays_itself_on_dark_ground(figure):
    dark = read(pictures(figure)[1])
    blue = (dark[..., 3] > 250) & (dark[..., 2] - dark[..., 0] > 80)
    assert blue.sum() > 100


def test_drawing_for_a_theme_leaves_the_figure_as_it_was(figure):
    pictures(figure)
    assert figure.get_facecolor() == (1, 1, 1, 1) and figure.axes[0].get_facecolor() == (1, 1, 1, 1)


def test_a_notebook_gets_both_pictures_of_a_figure_and_of_its_axes(figure):
    for shown in (figure, figure.axes[0]):
        data = shown._repr_mimebundle_()
        assert data["text/html"].count("<img") == 2 and data["text/html"].startswith(STYLE)
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
