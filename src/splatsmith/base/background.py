"""What pictures are drawn on."""


def background_rgb(named: str | tuple[float, float, float]) -> tuple[float, float, float]:
    """RGB, 0 to 1, of a setting: black, white or RGB itself. Of "random", which training alone knows, it is black."""
    return (1.0, 1.0, 1.0) if named == "white" else (0.0, 0.0, 0.0) if isinstance(named, str) else named
