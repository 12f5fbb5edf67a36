"""What could come otherwise: a study's plan run again under what its parties fear."""
