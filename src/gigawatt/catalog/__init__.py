"""Every figure about the world, with its source, date and grade."""
