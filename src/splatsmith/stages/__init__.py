"""One file per pipeline stage: its Config, its files, and main(config, inputs, outputs). Nothing imports this folder."""
