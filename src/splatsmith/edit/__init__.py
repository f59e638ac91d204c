"""Changes of a segmented scene. Gaussians outside the selection keep their bytes."""
