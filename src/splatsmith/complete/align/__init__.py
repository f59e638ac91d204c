"""Where a proxy stands in the scene: geo9, which needs no weights, and SCORP's own way to compare with."""
