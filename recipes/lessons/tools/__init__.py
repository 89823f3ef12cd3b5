"""What the lessons share: pages, rows, drawing, sweeps."""
