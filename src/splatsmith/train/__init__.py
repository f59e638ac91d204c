"""Fitting Gaussians to photos: losses, densification, the resumable loop."""
