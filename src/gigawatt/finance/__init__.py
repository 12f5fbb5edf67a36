"""The money: dated flows between parties, and what they are worth."""
