"""Adapters to 2D foundation models, one file each, behind the Protocols of `protocols.py`.

Weights are files that the user puts in place (`checkpoints.py`); nothing here reaches for the network.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is first imported: so before any adapter is
