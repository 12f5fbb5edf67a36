"""What models do on platforms. Device regime (s, byte, FLOP, W), pure."""
