"""One training by several processes, on one machine or on several: who they are, and how they add up their numbers."""
