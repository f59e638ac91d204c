"""The numbers that define the image. They are gsplat 1.5.3's, so that its backend and ours draw the same picture.

gsplat's unreleased 1.6 differs in two: ALPHA_MAX is 0.99, and the antialiasing compensation is at least 0.005.
"""

ALPHA_MIN = 1.0 / 255.0
"""A Gaussian is left out of a pixel where its alpha is below this: it would not change an 8-bit image."""

ALPHA_MAX = 0.999
"""Alpha is clamped here, so that the transmittance behind a Gaussian never becomes zero. Gradients of geometry and
opacity stop where the clamp acts; those of colour go on."""

TRANSMITTANCE_MIN = 1e-4
"""A pixel is finished before the Gaussian that would bring its transmittance to this or below."""

EXTENT_MAX = 3.33
"""The box of a Gaussian reaches at most this many standard deviations. exp(-3.33^2 / 2) < 1/255, hence the box of an
opacity <= 1 holds every pixel where alpha >= ALPHA_MIN, and leaving out what lies outside of it loses nothing."""

FOV_MARGIN = 0.3
"""Further outside the image than this share of half its size, the projection is linearised as at that distance."""

EPS2D = 0.3
"""Added to the diagonal of the projected covariance, in square pixels: no Gaussian is narrower than about a pixel."""

NEAR, FAR = 0.01, 1e10
"""Depths that are drawn, both ends included, in scene units."""

TILE = 16
"""Side of the square tiles that the image is composited in, in pixels. Does not change the image."""
