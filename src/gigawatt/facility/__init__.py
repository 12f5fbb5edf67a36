"""From chips to site power. The site regime (h, MW, MWh, USD) starts here; pure."""
