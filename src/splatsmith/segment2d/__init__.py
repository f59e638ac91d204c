"""Which pixels of each view belong to which object: sources of 2D masks, and their association across views."""
