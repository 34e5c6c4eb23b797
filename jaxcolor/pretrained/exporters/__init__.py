"""Models in the formats of other programs: ONNX, StableHLO, PyTorch, model hubs."""
