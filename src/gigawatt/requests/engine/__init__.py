"""The compiled engine: events over slots (requests in flight) and replicas, advanced by many steps at once."""
