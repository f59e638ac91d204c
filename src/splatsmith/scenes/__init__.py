"""Captured scenes: cameras, views, points, descriptions and splits; readers and checks. Plain numpy, no torch."""
