from __future__ import annotations

import pytest

from rules.pricing.slugs import is_slug, model_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Imagen 4 Ultra", "imagen-4-ultra"),
        ("DALL·E 3", "dall-e-3"),
        ("Stable Diffusion 3.5", "stable-diffusion-3.5"),
        ("Image Upscale / Real-ESRGAN", "image-upscale-real-esrgan"),
        ("ID Preservation \N{EN DASH} Flux", "id-preservation-flux"),
        ("  (Flux.1) [pro] ", "flux.1-pro"),
        ("…", ""),
    ],
)
def test_a_slug_is_the_name_in_lower_case_with_one_hyphen_for_every_run_of_anything_else(name: str, slug: str) -> None:
    assert model_slug(name) == slug


@pytest.mark.parametrize("text", ["", "A", "a--b", "-a", "a-", "a_b", "a b", "é", "a" * 101])
def test_what_is_not_a_slug_is_not_taken_for_one(text: str) -> None:
    assert not is_slug(text)
