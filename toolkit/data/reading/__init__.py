"""What files and tables in memory hold: encodings, separators, headers, the tables of other libraries."""
