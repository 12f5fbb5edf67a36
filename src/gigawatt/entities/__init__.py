"""The nouns: frozen, slotted, keyword-only. Behaviour lives in functions of the stages."""
