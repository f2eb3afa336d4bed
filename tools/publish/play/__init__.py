"""Models that run in the reader's browser: exported by family, run by onnxruntime-web."""
