"""What a person reads: figures, pages, workbooks, summaries."""
