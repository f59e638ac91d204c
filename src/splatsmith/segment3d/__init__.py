"""Which Gaussians belong to which object: lifting label maps into the scene, sharpening boundaries, and measuring."""
